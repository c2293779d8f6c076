"""The AWS services that the engine answers itself, in their own wire forms."""
