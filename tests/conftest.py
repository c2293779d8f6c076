"""What all tests are run with, wherever they were started."""

from __future__ import annotations

import contextlib
import signal

# A shell starts what it puts behind (`make test &`) with Ctrl-C ignored, and every process below would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):  # only a main thread may
        signal.signal(signal.SIGINT, signal.default_int_handler)
