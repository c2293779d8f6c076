"""uvicorn without its command line: `import uvicorn` brings click and two supervisors, a tenth of an engine's start."""

from __future__ import annotations

import sys
from types import ModuleType


def _import_without_main() -> None:
    if "uvicorn" in sys.modules:
        return
    absent = ModuleType("uvicorn.main")
    absent.__dict__.update(Server=None, main=None, run=None)  # what the package wants of it
    sys.modules[absent.__name__] = absent
    try:
        import uvicorn  # noqa: F401
    finally:
        del sys.modules[absent.__name__]


_import_without_main()

from uvicorn.config import Config  # noqa: E402
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: E402
from uvicorn.server import Server  # noqa: E402

__all__ = ["Config", "HttpToolsProtocol", "Server"]
