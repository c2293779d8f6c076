"""Handlers that no engine should have to run, and how Lambda reports the end of each.

A handler is called with "again" afterwards, which has to find it well.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple


class Attack(NamedTuple):
    """`ends`: a pattern for "ok: PAYLOAD" or "TYPE: MESSAGE", without the request's id."""

    body: str
    ends: str
    timeout: int = 30  # seconds: what is to end by itself may take long on a busy machine
    module: str = ""  # what stands before the handler
    memory: int = 128  # MB

    @property
    def code(self) -> str:
        body = textwrap.indent(textwrap.dedent(self.body).strip(), "    ")
        head = 'def handler(event, context):\n    if event == "again":\n        return "well"\n'
        return f"{self.module}\n{head}{body}\n"


EXIT = r"Runtime\.ExitError: Runtime exited "
STATUS = EXIT + "with error: exit status "
SIGNAL = EXIT + "with error: signal: "
NO_REASON = EXIT + "without providing a reason"
TIMEOUT = r"Sandbox\.Timedout: Task timed out after 2\.00 seconds"  # seconds: what comes next starts a process inside
MEMORY = r"Runtime\.OutOfMemory: " + "Runtime exited with error: signal: killed"
TOO_LARGE = r"Function\.ResponseSizeTooLarge: Response payload size exceeded .*"
UNREADABLE = r"Runtime\.ExitError: The answer of the runtime could not be read: .*"
TOO_DEEP = r"Runtime\.MarshalError: Unable to marshal response: maximum recursion depth exceeded.*"
# What a result frame looks like, for those who have found the channel: kind, meta, payload.
FRAME = """
import os, struct
def frame(kind, meta=b"", payload=b"", request=bytes(16)):
    return struct.pack("<BBHII16sq", 1, kind, 0, len(meta), len(payload), request, 0) + meta + payload
def forge(context, kind, meta, payload):
    data = memoryview(frame(kind, meta, payload, bytes.fromhex(context.aws_request_id.replace("-", ""))))
    while data:
        data = data[os.write(1000, data):]
"""
FORGED_START = """
os.write(1000, frame(21, b'{"own_us": -5}', b"[" * 50_000))
os.write(1000, frame(16, b'{"files": ["/a\\\\u0000b", ""], "libraries": [["\\\\u0000", "/\\\\u0000"]]}'))
"""

PROCESS = {
    "a segmentation fault": Attack("import ctypes\nctypes.string_at(0)", SIGNAL + "segmentation fault"),
    "os._exit": Attack("import os\nos._exit(3)", STATUS + "3"),
    "os._exit without an error": Attack("import os\nos._exit(0)", NO_REASON),
    "sys.exit": Attack("import sys\nsys.exit(5)", STATUS + "5"),
    "an exception that is none": Attack("raise GeneratorExit", STATUS + "1"),
    "SIGKILL of itself": Attack("import os\nos.kill(os.getpid(), 9)", SIGNAL + "killed"),
    "SIGSTOP of itself": Attack("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", TIMEOUT, 2),
    "SIGTERM to its group": Attack("import os\nos.killpg(0, 15)", SIGNAL + "terminated"),
    "SIGTERM to its parent": Attack(
        """
        import os, signal
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            try:
                os.kill(os.getppid(), number)
            except PermissionError:
                pass
        return "alone"
        """,
        'ok: "alone"',
    ),
    "ignored signals": Attack(
        """
        import signal, time
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                pass
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
        """,
        TIMEOUT,
        2,
    ),
    "blocked signals": Attack(
        "import signal, time\nsignal.pthread_sigmask(0, signal.valid_signals())\ntime.sleep(60)", TIMEOUT, 2
    ),
    "an alarm that goes on": Attack(
        """
        import signal
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        return 1
        """,
        "ok: 1",
    ),
    "another program in its place": Attack("import os\nos.execv('/bin/sleep', ['sleep', '60'])", TIMEOUT, 2),
    "a fork that answers too": Attack("import os\nreturn 1 if os.fork() else 2", "ok: 1"),
    "a daemon in a session of its own": Attack(
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 2000)
                time.sleep(600)
            os._exit(0)
        os.wait()
        os._exit(4)
        """,
        STATUS + "4",
    ),
    "processes that double": Attack(
        "import os, time\nfor _ in range(6):\n    os.fork()\ntime.sleep(60)", TIMEOUT, 2, memory=4096
    ),
    "threads that never end": Attack(
        """
        import threading, time
        for _ in range(30):
            threading.Thread(target=time.sleep, args=(600,)).start()
        return threading.active_count()
        """,
        "ok: 31",
    ),
    "an exit that waits": Attack("import atexit, sys, time\natexit.register(time.sleep, 600)\nsys.exit(1)", TIMEOUT, 2),
}

RESOURCES = {
    "memory": Attack("hog = []\nwhile True:\n    hog.append(bytearray(b'x') * 20_000_000)", MEMORY),
    "memory of children": Attack(
        """
        import os, time
        for _ in range(5):
            if os.fork() == 0:
                hog = bytearray(b"x") * 40_000_000
                time.sleep(60)
        time.sleep(60)
        """,
        MEMORY,
    ),
    "recursion": Attack("def f(n):\n    return f(n + 1)\nreturn f(0)", "RecursionError: maximum recursion .*"),
    "a result of 100,000 lists": Attack("x = []\nfor _ in range(100_000):\n    x = [x]\nreturn x", TOO_DEEP),
    "a result of 100,000 objects": Attack("x = {}\nfor _ in range(100_000):\n    x = {'a': x}\nreturn x", TOO_DEEP),
    "a result too deep for any reader": Attack("return b'[' * 100_000 + b']' * 100_000", r"ok: \[\[.*"),
    "a result of 100 MB": Attack("return bytes(100_000_000)", TOO_LARGE),
    "an error of 10 MB": Attack("raise ValueError('x' * 10_000_000)", TOO_LARGE),
    "10,000 sockets": Attack(
        "import socket\nkeep = []\nwhile len(keep) < 10_000:\n    keep.append(socket.socket())",
        r"OSError: \[Errno 24\] Too many open files",
    ),
    "no more descriptors": Attack(
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\nraise ValueError('told')",
        "ValueError: told",
    ),
    "a flood of output": Attack("while True:\n    print('x' * 1000)", TIMEOUT, 2),
    "a log record that does not end": Attack(
        """
        import os, struct
        os.write(1, struct.pack(">IIQ", 0xA55A0003, 60 << 20, 0))
        while True:
            os.write(1, b"y" * 65536)
        """,
        TIMEOUT,
        2,
    ),
}

DESCRIPTORS = {
    "every descriptor closed": Attack("import os\nos.closerange(0, 4096)\nreturn 1", STATUS + r"\d+"),
    "the standard ones closed": Attack("import os\nos.closerange(0, 3)\nreturn 1", "ok: 1"),
    "every descriptor replaced": Attack(
        """
        import os
        for fd in (0, 1, 2, 3, 1000, 1001):
            os.dup2(os.open("/dev/null", os.O_RDWR), fd)
        return 1
        """,
        NO_REASON,
    ),
    "every descriptor without blocking": Attack(
        """
        import os
        for name in os.listdir("/proc/self/fd"):
            try:
                os.set_blocking(int(name), False)
            except OSError:
                pass
        return "x" * 4_000_000
        """,
        'ok: "x+"',
    ),
    "garbage on every descriptor": Attack(
        """
        import os
        for fd in range(1024):
            try:
                os.write(fd, os.urandom(5000))
            except OSError:
                pass
        return 1
        """,
        NO_REASON,
    ),
    "a flood of frames": Attack(
        """
        data = frame(20) * 1000
        while True:
            os.write(1000, data)
        """,
        NO_REASON,
        module=FRAME,
    ),
    "a frame of four gigabytes": Attack(
        """
        os.write(1000, struct.pack("<BBHII16sq", 1, 18, 0, 0, 2**32 - 1, bytes(16), 0))
        return 1
        """,
        NO_REASON,
        module=FRAME,
    ),
    "a forged result with impossible figures": Attack(
        """
        forge(context, 18, b'{"duration_us": %d}' % 2**80, b"1")
        return 2
        """,
        UNREADABLE,
        module=FRAME,
    ),
    "a forged error of 100,000 levels": Attack(
        """
        forge(context, 19, b"{}", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
        return 1
        """,
        UNREADABLE,
        module=FRAME,
    ),
    "forged diagnostics": Attack(
        """
        forge(context, 20, b"", b"\\xff" * 99)
        raise ValueError("told")
        """,
        "ValueError: told",
        module=FRAME,
    ),
    "a forged start": Attack("return 1", "ok: 1", module=FRAME + FORGED_START),
    "stdin": Attack("import sys\nreturn [sys.stdin.read(), sys.stdin.fileno()]", r'ok: \["", 0\]'),
}


def _emptied(module: str, then: str) -> str:
    return f"""
        import {module}
        for name in list(vars({module})):
            if name[:2] != "__":
                setattr({module}, name, None)
        {then}
    """


RAISE = "raise ValueError('told')"
TOLD = "ValueError: told"
PATCHES = {
    "no json": Attack(
        """
        import json, sys
        json.dumps = json.loads = json.JSONEncoder = None
        sys.modules["json"] = sys.modules["_json"] = None
        raise ValueError("told")
        """,
        TOLD,
    ),
    "no os": Attack(_emptied("os", "return 1"), "ok: 1"),
    "no time": Attack(_emptied("time", RAISE), TOLD),
    "no signal": Attack(_emptied("signal", "return 1"), "ok: 1"),
    "no logging": Attack(_emptied("logging", RAISE), TOLD),
    "no modules": Attack(f"import sys\nsys.modules.clear()\n{RAISE}", TOLD),
    "no streams": Attack("import sys\nsys.stdout = sys.stderr = sys.stdin = None\nprint(1)\nreturn 1", "ok: 1"),
    "a stream that raises": Attack(
        """
        import sys
        class Stream:
            def write(self, text):
                raise RuntimeError("no")
        sys.stdout = sys.stderr = Stream()
        raise ValueError("told")
        """,
        TOLD,
    ),
    "an error without words": Attack(
        """
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError("no")
        raise Odd
        """,
        STATUS + "1",
    ),
    "values without a form": Attack(
        """
        class Odd:
            def __repr__(self):
                raise SystemExit
        odd = Odd()
        raise ValueError("told")
        """,
        TOLD,
    ),
    "a folder that has gone": Attack(
        """
        import os, tempfile
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        os.rmdir(folder)
        raise ValueError("told")
        """,
        TOLD,
    ),
}

# Too dear for every run. It ends by itself behind some 1,500 processes where nobody ends it.
BOMB = {
    "a fork bomb": Attack(
        """
        import mmap, os, time
        count = mmap.mmap(-1, 2000)
        while any(each == 0 for each in count[:1500]):
            try:
                os.fork()
            except OSError:
                pass
            count[count.find(b"\\0")] = 1
        time.sleep(60)
        """,
        SIGNAL + r"killed \(more than 1,024 processes and threads\)|Sandbox\.Timedout: .*",
        20,
        memory=10_240,
    ),
}

ATTACKS = BOMB | PROCESS | RESOURCES | DESCRIPTORS | PATCHES
