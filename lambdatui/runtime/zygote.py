"""A library zygote: a process that has imported what a function imports, but nothing of its own, and is forked from.

A fork is set up as the spawner sets up a fresh process and becomes the spawner's child. What forks must not share keeps
a process from becoming a zygote (`forkable`) or is made anew in each of them. The spawner's code that it needs is taken
out of `sys.modules` again, with all that it imported: a fork sees the modules of a fresh start.
"""

from __future__ import annotations

import os
import sys
import time
from _weakref import ref

from . import forkable, handler, variables
from .imports import Imports
from .logcapture import LogCapture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .channel import Channel

MAX_NOISE = 4096  # what every pipe takes before anybody reads: one page, where the user has many
_kept: list[object] = []  # in a fork: what it never needs again, and what to free would copy pages
_ADOPTION_S = 0.0001
_AT_ONCE = 4  # forks by one child, where requests wait
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PACKAGE = __name__.partition(".")[0]
_MAIN = ("__main__", "__mp_main__")  # the second is what multiprocessing calls the first


class _UnpreparedError(Exception):
    """The process cannot be forked from; the message follows "it"."""


def serve(channel: Channel, settings: dict[str, Any]) -> tuple[LogCapture, Imports]:
    """Import libraries and fork for whoever asks. Returns in each fork, with what it goes on with; else never."""
    noise = _catch_output()
    log = LogCapture()
    libraries = _Libraries(settings, log)
    failure = ""
    try:
        libraries.load()
    except _UnpreparedError as error:
        failure = str(error)
    except BaseException as error:  # a library's SystemExit is no reason to end without a word
        failure = "fails: %s: %s" % (type(error).__name__, error)
    tools = _Tools()
    if not failure:
        try:
            libraries.check(noise, tools.tree.children(os.getpid()))
        except _UnpreparedError as error:
            failure = str(error)
    control = tools.socket.socket(fileno=channel.detach())
    if failure:
        tools.protocol.send(control, {"say": "unprepared", "error": failure[:1000]})
        os._exit(0)
    tools.tree.stop_being_subreaper()  # what is forked by a fork of this goes to the spawner
    prepared = libraries.report()
    libraries.imports.begin_anew()
    zygote = _Zygote(tools, control, libraries, _read(noise), settings["nice"])
    tools.protocol.send(control, {"say": "prepared", "rss_kb": _resident_kb(), **prepared})
    del prepared
    tools.gc.collect()
    tools.gc.freeze()
    zygote.serve()
    _kept.append(zygote)
    return log, libraries.imports


class _Libraries:
    """The imports of a zygote, and what they did."""

    def __init__(self, settings: dict[str, Any], log: LogCapture) -> None:
        self._settings = settings
        self.log = log
        self._logged = False
        self._watch = variables.Watch()
        self._missed = _Missed()
        self._unseeded: list[ref[Any]] = []
        self._random: tuple[Any, Any] | None = None
        self.imports = Imports(log, settings)
        self._before = forkable.State()

    def load(self) -> None:
        """Raises what an import raises."""
        self.imports.first.after("random", self._note_generators)
        self.imports.first.after("logging", self._equip)
        self.log.record = self._note_record  # type: ignore[method-assign]
        sys.meta_path.append(self._missed)
        self._watch.begin()
        try:
            for name in self._settings["modules"]:
                if name not in sys.modules:
                    __import__(name)
        finally:
            self._watch.end()
            sys.meta_path.remove(self._missed)
            self.imports.first.forget("random")
            if "logging" not in sys.modules:
                self.imports.first.after("logging", self.log.equip)
            del self.log.record
            if self._random is not None:
                random, seed = self._random
                random.Random.seed = seed

    def check(self, noise: int, children: list[int]) -> None:
        """Raises _UnpreparedError where forks would share what fresh environments do not."""
        own = self._foreign()
        if own is not None:
            raise _UnpreparedError("imports %s, which is no library" % own)
        if self._logged:
            raise _UnpreparedError("logs while it is imported")
        if self._watch.writes:
            raise _UnpreparedError("sets the variable %s" % min(self._watch.writes))
        said = _read(noise)
        if len(said) > MAX_NOISE:
            raise _UnpreparedError("writes more than %d KB while it is imported" % (MAX_NOISE // 1024))
        if _HERE.encode() in said:
            raise _UnpreparedError("warns whoever imports it")
        change = self._before.change()
        if change is not None:
            raise _UnpreparedError(change)
        if children:
            raise _UnpreparedError("has started a process")
        memory = forkable.shared_memory()
        if memory is not None:
            raise _UnpreparedError("shares memory: " + memory)
        threads = forkable.threads()
        if threads > 1:
            raise _UnpreparedError("runs %d threads" % threads)

    def report(self) -> dict[str, Any]:
        """What "prepared" says of them."""
        modules = {
            name: getattr(module, "__file__", None)
            for name, module in sys.modules.items()
            if name not in _MAIN and name.partition(".")[0] != _PACKAGE
        }
        return {"modules": modules, "missed": sorted(self._missed.names), "reads": sorted(self._watch.reads)}

    def renew(self) -> None:
        """In a fork: random numbers of its own. (The module `random` reseeds its own generator at a fork.)"""
        for each in self._unseeded:
            generator = each()
            if generator is not None:
                generator.seed()
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is not None:
            numpy_random.seed()
        processes = sys.modules.get("multiprocessing.process")
        if processes is not None:
            processes.current_process().authkey = os.urandom(32)

    def _foreign(self) -> str | None:
        """A file among the modules that is neither a library's nor ours."""
        fallback = (self._settings.get("fallback") or {}).get("path")
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and not path.startswith(_HERE) and not handler.is_library(path, fallback):
                return "%s from %s" % (name, path)
        return None

    def _equip(self, logging: ModuleType) -> None:
        self._watch.end()  # what we read is read again in each fork
        self.log.equip(logging)
        self._watch.begin()

    def _note_record(self, message: str, type: int) -> None:
        self._logged = True

    def _note_generators(self, random: Any) -> None:
        seed = random.Random.seed
        self._random = (random, seed)

        def noted(generator: Any, a: Any = None, *args: Any, **kwargs: Any) -> None:
            if a is None:
                self._unseeded.append(ref(generator))
            else:
                self._unseeded = [each for each in self._unseeded if each() is not generator]
            seed(generator, a, *args, **kwargs)

        random.Random.seed = noted


class _Missed:
    """The last finder: notes top-level names that nobody has found."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if path is None:
            self.names.add(fullname)


class _Tools:
    """The spawner's modules. `sys.modules` is afterwards what it was before."""

    def __init__(self) -> None:
        before = set(sys.modules)
        import gc
        import select
        import socket

        from ..spawner import child, private_tmp, protocol, tree

        self.child, self.private_tmp, self.protocol, self.tree = child, private_tmp, protocol, tree
        self.gc, self.select, self.socket = gc, select, socket
        for name in [each for each in sys.modules if each not in before]:
            module = sys.modules.pop(name)
            parent, _, last = name.rpartition(".")
            if parent in before and getattr(sys.modules.get(parent), last, None) is module:
                delattr(sys.modules[parent], last)


class _Zygote:
    """The process once it is prepared. A fork always waits, set up as far as it can be, to take the next request."""

    def __init__(self, tools: _Tools, control: Any, libraries: _Libraries, noise: bytes, nice: int) -> None:
        self._tools = tools
        self._control = control
        self._libraries = libraries
        self._noise = noise
        self._nice = nice
        self._spawner = os.getppid()
        self._turn, give = os.pipe()  # a byte, which the fork holds that reads the next request
        os.write(give, b"1")
        self._give = give

    def serve(self) -> None:
        """Returns in each fork that a request has been made an environment for."""
        taken, take = os.pipe()
        waiting = 0
        while True:
            asked = self._asked()
            if waiting and not (asked and waiting < _AT_ONCE):
                waiting -= len(os.read(taken, _AT_ONCE))
                continue
            count = _AT_ONCE if asked else 1
            between = os.fork()
            if between == 0:
                self._fork_again(count)
                self._wait(take)
                return
            os.waitpid(between, 0)
            waiting += count

    def _asked(self) -> bool:
        """Whether a request waits to be taken."""
        poll = self._tools.select.poll()
        poll.register(self._control, self._tools.select.POLLIN)
        return bool(poll.poll(0))

    def _fork_again(self, count: int) -> None:
        """Returns in so many children, when this process has ended and the spawner has inherited them."""
        between = os.getpid()
        try:
            for _ in range(count):
                pid = os.fork()
                if pid == 0:
                    break
                self._say("waits", pid=pid)  # before the spawner has it as a child: it knows it then
            else:
                os._exit(0)
        except OSError:
            os._exit(1)
        while os.getppid() == between:
            time.sleep(_ADOPTION_S)
        # Of its parent's end the kernel would tell it a moment later; this waits for the lock that it holds meanwhile.
        self._tools.child.lead()
        self._tools.tree.die_with_parent(self._spawner)

    def _wait(self, take: int) -> None:
        """For a request, to do then what `spawner.child` does for a fresh process, and what is a fork's alone."""
        tools = self._tools
        self._close_all_but(take, self._turn, self._give, self._control.fileno())
        self._libraries.renew()
        os.read(self._turn, 1)
        message = tools.protocol.receive(self._control)
        if message is None:
            os._exit(0)
        os.write(self._give, b"1")
        os.write(take, b"1")
        os.close(take)
        request, fds = message.body, message.fds
        id, pid = request["id"], os.getpid()
        try:
            different = variables.differs(request["env"])
            if different is not None:
                raise ValueError("its zygote was started with another value of " + different)  # noqa: TRY301
            channel, log, *namespaces = fds
            held = tools.private_tmp.Namespaces.held(namespaces) if namespaces else None
            tools.child.settle(request, channel, log, self._spawner, held, self._nice)
            self._close_all_but(tools.child.FD_CHANNEL, self._control.fileno())
            variables.replace(request["env"])
            self._libraries.log.renew()
            _write(self._noise)
        except BaseException as error:  # whatever it was, it ends here
            self._say("failed", id=id, pid=pid, error=("%s: %s" % (type(error).__name__, error))[:1000])
            os._exit(127)
        self._say("started", id=id, pid=pid)
        os.close(self._control.detach())

    def _close_all_but(self, *mine: int) -> None:
        for name in os.listdir("/proc/self/fd"):
            if int(name) not in (0, 1, 2, *mine):
                os.closerange(int(name), int(name) + 1)  # no error for the listing's own, which is gone

    def _say(self, say: str, **more: Any) -> None:
        try:
            self._tools.protocol.send(self._control, {"say": say, **more})
        except OSError:
            os._exit(127)  # the spawner has gone, or has given this zygote up


def _catch_output() -> int:
    """Let descriptors 1 and 2 write to memory; a descriptor of that."""
    fd = os.memfd_create("log")
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    return fd


def _read(fd: int) -> bytes:
    return os.pread(fd, MAX_NOISE + 1, 0)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _resident_kb() -> int:
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
