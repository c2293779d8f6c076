"""A sampling profiler for one call: a thread looks at every thread's stack, by wall-clock time.

A thread, not a timer's signal: SIGPROF does not tick while the handler waits, SIGALRM may be the handler's own, and
both interrupt its system calls. The interpreter's switch interval is half a sample's for that time; else a busy handler
would be seen every 5 ms at most.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock, get_ident, start_new_thread
from time import perf_counter_ns, thread_time_ns, time_ns

from ..quickjson import encoder

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Callable

    from .importtimes import Places

MAX_DEPTH = 250  # the outermost frames of a deeper stack are kept
MAX_NODES = 30_000  # of the call tree; what is called beyond counts for its caller
STEP = 10_000  # after so many samples the interval doubles: memory grows with the logarithm of the time
MOST_HZ = 10_000
BEFORE_DEADLINE_NS = 100_000_000  # what was seen is sent before a timeout ends the process
# Whose frames are left out: ours, and those of the import system.
_HIDDEN = (
    os.path.dirname(os.path.abspath(__file__)) + os.sep,
    os.path.join(os.path.dirname(os.__file__), "importlib", "__init__.py"),
    "<frozen importlib",
)
_getpid = os.getpid
_encode = encoder(ascii=True)


class Sampler:
    """Samples what happens inside of `with`. `send` takes a PROFILE frame's payload (see `wire`): at the end, and
    before it shortly before `deadline_us` (UTC, 0: none).
    """

    def __init__(
        self, phase: str, rate_hz: int, places: Places, send: Callable[[bytes], None], deadline_us: int = 0
    ) -> None:
        self._phase = phase
        self._deadline_us = deadline_us
        self._interval_ns = 1_000_000_000 // max(1, min(rate_hz, MOST_HZ))
        self._places = places
        self._send = send
        self._threads: dict[int, _Thread] = {}
        self._frames: dict[int, int] = {}  # id of a code object -> its number
        self._codes: list[CodeType] = []
        self._nodes: list[int] = [-1, -1]  # parent and frame of each; the first is the root
        self._below: list[dict[int, int]] = [{}]
        self._count = self._own_ns = 0
        self._pid = _getpid()
        self._ending, self._done = allocate_lock(), allocate_lock()

    def __enter__(self) -> None:
        self._called = get_ident()
        self._began, self._cpu_began = perf_counter_ns(), thread_time_ns()
        early_ns = self._deadline_us * 1000 - time_ns() - BEFORE_DEADLINE_NS
        self._early = self._began + early_ns if self._deadline_us else 0
        self._switch = sys.getswitchinterval()
        self._ending.acquire()
        self._done.acquire()
        try:
            start_new_thread(self._run, ())
        except RuntimeError:  # no thread to be had: the call runs all the same
            self._done.release()
        else:
            sys.setswitchinterval(min(self._switch, self._interval_ns / 2e9))

    def __exit__(self, *_: object) -> None:
        if _getpid() != self._pid:
            return  # in a fork that the handler forgot to end there is no such thread
        cpu_ns = thread_time_ns() - self._cpu_began
        self._ending.release()
        self._done.acquire()
        sys.setswitchinterval(self._switch)
        self._send(self._payload(cpu_ns))

    def _run(self) -> None:
        try:
            self._sample(get_ident(), thread_time_ns())
        except Exception:  # what was seen until then is sent; the handler's log has no place for it
            pass
        finally:
            self._done.release()

    def _sample(self, own: int, cpu_began: int) -> None:
        last, due = self._began, self._began + self._interval_ns
        while not self._ending.acquire(True, max(0.0, (due - perf_counter_ns()) / 1e9)):
            now = perf_counter_ns()
            due = max(due + self._interval_ns, now)
            self._look(own, (now - last) // 1000)
            last = now
            self._own_ns = thread_time_ns() - cpu_began
            if self._early and now >= self._early:
                self._early = 0
                self._send(self._payload(None))

    def _look(self, own: int, elapsed_us: int) -> None:
        for ident, frame in sys._current_frames().items():
            if ident == own:
                continue
            thread = self._threads.get(ident)
            if thread is None:
                thread = self._threads[ident] = _Thread(ident, ident == self._called)
            if not thread.name:
                thread.name = _name(ident)  # a thread that has only just begun is not yet known by it
            self._count += thread.add(self._node(frame), elapsed_us)
        if self._count >= STEP:
            self._count = 0
            self._interval_ns *= 2

    def _node(self, frame: FrameType | None) -> int:
        """The stack's place in the call tree."""
        stack: list[CodeType] = []
        while frame is not None:
            code = frame.f_code
            if not code.co_filename.startswith(_HIDDEN):
                stack.append(code)
            frame = frame.f_back
        node = 0
        for code in stack[: -MAX_DEPTH - 1 : -1]:
            below = self._below[node].get(id(code))
            node = self._grow(node, code) if below is None else below
        return node

    def _grow(self, node: int, code: CodeType) -> int:
        if len(self._below) >= MAX_NODES:
            return node
        number = self._frames.get(id(code))
        if number is None:
            number = self._frames[id(code)] = len(self._codes)
            self._codes.append(code)  # kept, so that its id stays its own
        new = self._below[node][id(code)] = len(self._below)
        self._below.append({})
        self._nodes += (node, number)
        return new

    def _payload(self, cpu_ns: int | None) -> bytes:
        profile = {
            "phase": self._phase,
            "wall_us": (perf_counter_ns() - self._began) // 1000,
            "cpu_us": None if cpu_ns is None else cpu_ns // 1000,
            "sampler_us": self._own_ns // 1000,
            "frames": [self._frame(code) for code in self._codes],
            "nodes": self._nodes,
            "threads": [each.plain() for each in list(self._threads.values())],
        }
        return _encode(profile).encode()

    def _frame(self, code: CodeType) -> list[object]:
        name = getattr(code, "co_qualname", code.co_name).replace(".<locals>", "")
        file = code.co_filename.encode("utf-8", "replace").decode()
        return [name, file, code.co_firstlineno, self._places.kind(file)]


class _Thread:
    """One thread's samples in the order of time: the node and for how long; the same one twice is one."""

    __slots__ = ("_called", "_ident", "_nodes", "_samples", "_weights", "name")

    def __init__(self, ident: int, called: bool) -> None:
        self.name = ""
        self._ident = ident
        self._called = called
        self._nodes: list[int] = []
        self._weights: list[int] = []
        self._samples = 0

    def add(self, node: int, elapsed_us: int) -> int:
        """How many entries this made: 0 or 1."""
        self._samples += 1
        if self._nodes and self._nodes[-1] == node:
            self._weights[-1] += elapsed_us
            return 0
        self._nodes.append(node)
        self._weights.append(elapsed_us)
        return 1

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.name or "thread %d" % self._ident,
            "called": self._called,
            "samples": self._samples,
            "nodes": self._nodes,
            "weights": self._weights,
        }


def _name(ident: int) -> str:
    """As `threading` knows it, where that is loaded; "" where it does not."""
    threading: Any = sys.modules.get("threading")
    thread = getattr(threading, "_active", {}).get(ident)
    return str(getattr(thread, "name", ""))


def profiled(function: Callable[[Any, Any], Any], sampler: Sampler) -> Callable[[Any, Any], Any]:
    """`function`, sampled while it runs."""

    def call(event: Any, context: Any) -> Any:
        with sampler:
            return function(event, context)

    return call
