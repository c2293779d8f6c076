"""What runs inside an execution environment: standard library and `wire` only, Python 3.9, run by path (start.py)."""
