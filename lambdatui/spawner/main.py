"""Entry of the spawner process, run by path: `python -I -S .../spawner/main.py FD` (FD: the control socket).

With `--probe` in place of FD it says on stdout what this system allows, as JSON (see `probe`), and ends.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


def _register_package() -> None:
    """A bare package over the lambdatui folder: its own __init__ and whatever it may import stay out."""
    package = ModuleType("_lambdatui")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["_lambdatui"] = package


if __name__ == "__main__":
    _register_package()
    from importlib import import_module

    if sys.argv[1] == "--probe":
        import_module("_lambdatui.spawner.probe").main()
    else:
        import_module("_lambdatui.spawner.server").main(int(sys.argv[1]))
