"""What all tests are run with, wherever they were started."""

from __future__ import annotations

import contextlib
import signal

from hypothesis import settings

settings.register_profile("behaviour", deadline=None)  # tests assert no clock: a busy machine is no fault
settings.load_profile("behaviour")

# A shell starts what it puts behind (`make test &`) with Ctrl-C ignored, and every process below would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):  # only a main thread may
        signal.signal(signal.SIGINT, signal.default_int_handler)
