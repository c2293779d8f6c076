"""Entry of an environment's process, run by path: `python [flags] .../runtime/start.py`.

Our modules live under the private name `_lambdatui`, so that user modules may be called what they like.
"""

import os
import sys
import time

if __name__ == "__main__":
    _began_ns = time.perf_counter_ns()
    _here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] == _here:
        del sys.path[0]
    _package = type(sys)("_lambdatui")
    _package.__path__ = [os.path.dirname(_here)]  # without running lambdatui/__init__.py
    sys.modules["_lambdatui"] = _package
    sys.exit(__import__("_lambdatui.runtime.bootstrap", fromlist=["main"]).main(_began_ns))
