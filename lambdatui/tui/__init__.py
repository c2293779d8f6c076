"""The screen: a client of the engine like any other. Knows nothing of processes, SQLite or files of the engine."""
