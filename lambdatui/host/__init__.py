"""The composition root: makes one engine process of the rooms below, and owns its life, its lock and its signals."""
