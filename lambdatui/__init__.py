"""A local AWS Lambda with a live terminal screen."""

__version__ = "0.1.0"
