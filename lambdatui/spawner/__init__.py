"""The spawner: one small process, the parent of every execution environment. Standard library and `wire` only."""
