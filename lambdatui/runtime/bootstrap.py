"""The life of an environment: START, init, then one invocation after the other until the engine hangs up."""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns, time

from ..quickjson import decode, decode_strictly
from ..wire import (
    CHECK,
    CHECKED,
    DIAGNOSTICS,
    ERROR,
    FD_CHANNEL,
    IMPORTS,
    INIT_ERROR,
    INVOKE,
    MAX_SYNC_PAYLOAD,
    PREPARE,
    PROFILE,
    READY,
    RESPONSE_TOO_LARGE,
    RESULT,
    START,
)
from . import diagnostics, handler, loader
from .channel import Channel, ChannelClosedError, Frame
from .context import LambdaContext
from .faults import Fault, payload_of, user_traceback
from .imports import LIBRARY, Imports
from .importtimes import ImportTimes, Places
from .logcapture import LogCapture
from .marshal import Marshaller, keeps_unicode, unmarshal

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # a Python that was built without it
    getrusage = None  # type: ignore[assignment]

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from .sampler import Sampler

_KB = 1024 if sys.platform == "darwin" else 1  # what ru_maxrss counts in, there bytes
_exit = os._exit
_getpid = os.getpid
_MAX_META_TEXT = 1000
_REFUSED = (
    "[ERROR] [%d] LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413."
    ' {"errorMessage":"Exceeded maximum allowed payload size (%d bytes)","errorType":"RequestEntityTooLarge"}\n'
)
# Lambda's own words before an init error.
_UNHANDLED = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare"
    " cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes,"
    " runtime updates can be triggered by a function change, or can be applied automatically. To determine if the"
    " runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with"
    " a change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the"
    " previous runtime version. For more information, see"
    " https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


class Environment:
    """One environment: the handler and what every invocation of it shares."""

    def __init__(
        self, channel: Channel, log: LogCapture, start: dict[str, Any], imports: Imports | None = None
    ) -> None:
        self._channel = channel
        self._log = log
        self._start = start
        self._pid = _getpid()
        self._variables = os.environ
        self._traced = "_X_AMZN_TRACE_ID" in self._variables
        self._marshaller = Marshaller(keeps_unicode())
        self._handler: Callable[[Any, Any], Any] = _no_handler
        self._checked: list[Any] = []  # the event that was parsed ahead, if any
        self._checked_ns = 0
        _add_site_builtins()
        self._packages = tuple(each + os.sep for each in start.get("packages") or [] if "site-packages" in each)
        self._code_root = os.path.abspath(start["code_root"])
        self._snapshot = loader.Snapshot(self._code_root, start.get("manifest"), start.get("bytecode"))
        self._imports = imports or Imports(log, start)
        self._imports.add_code(self._snapshot, start)

    def initialise(self, began_ns: int) -> bool:
        """Import the user's module and say how it went; False where it failed.

        As under Lambda's client, what is no `Exception`, and what an exception's own text raises, ends the process.
        """
        error: Exception | None = None
        payload: dict[str, Any] = {}
        rate_hz = self._start.get("profile")
        imports = ImportTimes(self._sampler("init", rate_hz, bytes(16)) if rate_hz else None)
        if self._start.get("python_notice"):
            self._log.line("WARNING", self._start["python_notice"])
        try:
            with imports:
                self._handler = handler.load(self._start["handler"])
        except Exception as caught:
            error = caught
            payload = payload_of(error, "")
        meta: dict[str, Any] = {"init_us": (perf_counter_ns() - began_ns) // 1000}
        fallback = (self._start.get("fallback") or {}).get("path")
        imported = handler.imported(self._owns, fallback, self._imports)
        meta.update(_valid(imported))
        self._channel.write(IMPORTS, *imports.report(self._places()))
        if error is None:
            self._channel.write(READY, meta)
            return True
        try:
            import logging

            logging.warning(_UNHANDLED)
        except Exception:  # it cannot be imported any more, or user code has patched it
            self._log.line("WARNING", _UNHANDLED)
        self._log.error(payload, self._marshaller.encode)
        meta.update(_summary(payload))
        self._describe(error, bytes(16))
        self._channel.write(INIT_ERROR, meta, self._marshaller.encode(payload).encode())
        return False

    def _sampler(self, phase: str, rate_hz: int, request_id: bytes, deadline_us: int = 0) -> Sampler:
        from .sampler import Sampler

        def send(payload: bytes) -> None:
            self._channel.write(PROFILE, {}, payload, request_id)

        return Sampler(phase, rate_hz, self._places(), send, deadline_us)

    def _places(self) -> Places:
        return Places(self._code_root, self._packages, self._start, LIBRARY)

    def serve(self) -> None:
        """Invocation after invocation; ChannelClosedError ends it."""
        while True:
            frame = self._channel.read()
            if frame.kind == INVOKE:
                self.invoke(frame)
            elif frame.kind == CHECK:
                self.check(frame)

    def check(self, frame: Frame) -> None:
        """Parse the event of the invocation that comes next and say whether it is JSON: nothing of it runs before.

        Where there is doubt it is not kept: the engine has the last word, and the words.
        """
        began = perf_counter_ns()
        try:
            self._checked = [decode_strictly(frame.payload.decode())]
        except (ValueError, RecursionError):
            self._checked = []
        self._checked_ns = perf_counter_ns() - began
        self._channel.write(CHECKED, {}, b"1" if self._checked else b"", frame.request_id)

    def invoke(self, frame: Frame) -> None:
        """One invocation: its result or its error goes out last, after all that it has written."""
        loaded = self._handler
        if "profile" in frame.meta:
            from .sampler import profiled

            sampler = self._sampler("handler", frame.meta["profile"], frame.request_id, frame.deadline_us)
            self._handler = profiled(loaded, sampler)
        kind, meta, body = self._run(frame)
        self._handler = loaded
        if len(body) > MAX_SYNC_PAYLOAD:
            self._refuse(meta, frame.request_id)
        self._channel.write(kind, meta, body, frame.request_id)

    def _run(self, frame: Frame) -> tuple[int, dict[str, Any], bytes]:
        """Call the handler: kind, meta and payload of the frame to answer with. Raises as `initialise` does.

        Nothing of the invocation is alive once this has returned: what is written when it goes belongs to it.
        """
        began = perf_counter_ns()
        request_id = _uuid_text(frame.request_id)
        self._log.request_id = request_id
        self._log.tenant_id = frame.meta.get("tenant_id")
        self._set_trace(frame.meta.get("trace_id"))
        error: Exception | None = None
        payload: dict[str, Any] = {}
        body: str | bytes = b""
        try:
            context = self._context(frame, request_id)
            if frame.meta.get("checked"):
                event = self._checked.pop()
                began -= self._checked_ns  # as if it had been parsed now
            else:
                event = unmarshal(frame.payload)
            frame.payload = b""
            result = self._handler(event, context)
            body = self._marshaller.marshal(result)
        except Fault as fault:
            payload = payload_of(fault, request_id)
        except Exception as caught:
            error = caught
            payload = payload_of(error, request_id)
        meta: dict[str, Any] = {"duration_us": (perf_counter_ns() - began) // 1000, "peak_kb": _peak_kb()}
        if _getpid() != self._pid:
            _exit(0)  # a fork that the handler forgot to end: its answer is not this environment's
        if not payload:
            return RESULT, meta, body if isinstance(body, bytes) else body.encode()
        self._log.error(payload, self._marshaller.encode)
        if error is not None:
            self._describe(error, frame.request_id)
        meta.update(_summary(payload))
        return ERROR, meta, self._marshaller.encode(payload).encode()

    def _context(self, frame: Frame, request_id: str) -> LambdaContext:
        return LambdaContext(
            request_id,
            _parse(frame.meta.get("client_context"), "Client Context"),
            _parse(frame.meta.get("identity"), "Cognito Identity"),
            frame.deadline_us // 1000,
            frame.meta.get("arn", ""),
            frame.meta.get("tenant_id"),
        )

    def _set_trace(self, trace_id: str | None) -> None:
        if trace_id is not None:
            self._variables["_X_AMZN_TRACE_ID"] = trace_id
            self._traced = True
        elif self._traced:
            self._variables.pop("_X_AMZN_TRACE_ID", None)
            self._traced = False

    def _refuse(self, meta: dict[str, Any], request_id: bytes) -> NoReturn:
        """Answer that the result is too large. Lambda's client cannot bear the 413 that it gets, and ends."""
        self._log.text(_REFUSED % (int(time() * 1000), MAX_SYNC_PAYLOAD))
        try:
            _post_refused()
        except RuntimeError:
            sys.excepthook(*sys.exc_info())
        message = "Response payload size exceeded maximum allowed payload size (%d bytes)." % MAX_SYNC_PAYLOAD
        payload = {"errorMessage": message, "errorType": RESPONSE_TOO_LARGE}
        meta.update(_summary(payload))
        self._channel.write(ERROR, meta, self._marshaller.encode(payload).encode(), request_id)
        sys.exit(1)

    def _describe(self, error: BaseException, request_id: bytes) -> None:
        trace = user_traceback(error.__traceback__)
        if trace is None and error.__cause__ is not None:
            trace = user_traceback(error.__cause__.__traceback__)
        if trace is not None:
            payload = diagnostics.describe(trace, self._source, self._inside)
            if payload:
                self._channel.write(DIAGNOSTICS, {}, payload, request_id)

    def _owns(self, file: str) -> bool:
        """Whether a file is one of the code, not of a virtual environment in its folder."""
        folder = (self._snapshot.relative(file) or "").rpartition("/")[0]
        if file.startswith(self._code_root + os.sep) and "site-packages" not in folder.split("/"):
            return True
        return folder != "" and self._snapshot.owns(folder)

    def _inside(self, file: str) -> bool:
        return file.startswith(self._code_root + os.sep) and not file.startswith(self._packages)

    def _source(self, file: str) -> str | None:
        text = self._snapshot.source_at(file)
        if text is None:
            try:
                with open(file, encoding="utf-8", errors="replace") as opened:
                    text = opened.read()
            except OSError:
                return None
        return text


def _add_site_builtins() -> None:
    """`exit` and `quit`, which handlers use and an interpreter started with -S lacks."""
    import builtins

    if not hasattr(builtins, "exit"):
        from _sitebuiltins import Quitter

        for name in ("exit", "quit"):
            setattr(builtins, name, Quitter(name, "Ctrl-D"))


def _peak_kb() -> int:
    """The most memory that this process had so far: over all invocations, which is what Lambda reports.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    return 0 if getrusage is None else getrusage(RUSAGE_SELF).ru_maxrss // _KB


def _post_refused() -> NoReturn:
    raise RuntimeError("Failed to post invocation response")


def _no_handler(event: Any, context: Any) -> NoReturn:
    raise RuntimeError("an invocation before the init")


def _valid(value: Any) -> Any:
    """The same without lone surrogates, as of file names that are no UTF-8: the engine takes no meta with them."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_valid(key): _valid(each) for key, each in value.items()}
    return [_valid(each) for each in value] if isinstance(value, list) else value


def _summary(payload: dict[str, Any]) -> dict[str, str]:
    text = payload["errorMessage"][:_MAX_META_TEXT]
    return {"error_type": _valid(payload["errorType"]), "error_message": _valid(text)}


def _parse(text: Any, name: str) -> Any:
    """A JSON header; an object that has been parsed already stays as it is."""
    if not text or not isinstance(text, str):
        return text or None
    try:
        return decode(text)
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


def _uuid_text(request_id: bytes) -> str:
    text = request_id.hex()
    return "%s-%s-%s-%s-%s" % (text[:8], text[8:12], text[12:16], text[16:20], text[20:])


def main(began_ns: int) -> int:
    """Run this process as an environment; the exit status where its init failed.

    When the engine has gone it ends at once: nobody listens then to threads and exit functions of the user's code.
    """
    try:
        channel = Channel(FD_CHANNEL)
        frame = channel.read()
        log, imports = None, None
        if frame.kind == PREPARE:
            from . import zygote

            log, imports = zygote.serve(channel, decode(frame.payload.decode()))  # returns in what is forked from it
            began_ns = perf_counter_ns()
            channel = Channel(FD_CHANNEL)
            frame = channel.read()
        if frame.kind == START:
            environment = Environment(channel, log or LogCapture(), decode(frame.payload.decode()), imports)
            if environment.initialise(began_ns):
                environment.serve()
    except ChannelClosedError:
        _exit(0)
    return 1
