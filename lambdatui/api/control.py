"""Control under /_lambdatui/v1/: what screens and commands ask and order beside AWS's operations. JSON by msgspec.

Errors are {"error": sentence, "exit_code": what a command ends with}. What reads the disk runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from lambdatui import schema
from lambdatui.api import apart, profiling
from lambdatui.api.asgi import BodyTooLargeError, ClientGoneError, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws.call import Door
from lambdatui.api.bodies import NoRoomError
from lambdatui.api.guards import Guards
from lambdatui.api.ports import CONTROL_PREFIX
from lambdatui.config.backtracking import Bounded, HeavyError, is_endless
from lambdatui.config.model import StreamConfig
from lambdatui.errors import LambdaTuiError, NotFound, UsageError
from lambdatui.store.records import NewMessage

logger = logging.getLogger("lambdatui.api")

MAX_BODY = 16 * 1024 * 1024
MAX_PATTERN = 1000
DLQ_PAGE_BYTES = 4 * 1024 * 1024  # of events in an answer that is asked for with a limit; one entry at least

T = TypeVar("T")


class Outgoing(msgspec.Struct, frozen=True):
    """One message of `send`. `attributes` is SQS's form."""

    body: str
    attributes: dict[str, dict[str, str]] = {}
    group_id: str | None = None
    dedup_id: str | None = None


class SendRequest(msgspec.Struct, frozen=True):
    source: str
    messages: list[Outgoing]
    partition_key: str | None = None


class PurgeRequest(msgspec.Struct, frozen=True):
    ids: list[str]


class StopRequest(msgspec.Struct, frozen=True):
    grace: float | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    request_id: str
    event: bytes


class Asked:
    """One request: the parts of its path that the table left open, its query and its body."""

    def __init__(self, parts: tuple[str, ...], query_string: bytes, body: bytes) -> None:
        self.parts = parts
        self.body = body
        try:
            self._query = parse_qs(query_string.decode("latin-1"), max_num_fields=1000)
        except ValueError:
            raise UsageError("the query has too many parameters") from None

    def text(self, name: str) -> str | None:
        values = self._query.get(name)
        return values[-1] if values else None

    def needed(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise UsageError(f"{name} is missing in the query")
        return value

    def texts(self, name: str) -> list[str]:
        return self._query.get(name, [])

    def number(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            number = int(value)
        except ValueError:
            raise UsageError(f"{name} must be a whole number, not {value[:40]!r}") from None
        if not 0 <= number < 2**63:
            raise UsageError(f"{name} is out of range: {value[:40]}")
        return number

    def decoded(self, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise UsageError(f"the request's body is not what this call takes: {error}") from None


Handler = Callable[[Asked], Awaitable[Any]]


class Control:
    """The table of calls and what each does."""

    def __init__(self, door: Door, guards: Guards) -> None:
        self._door = door
        self._engine = door.engine
        self._sources = door.sources
        self._guards = guards
        routes: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "functions", self._functions),
            ("GET", "functions/([^/]+)/cold_start", self._cold_start),
            ("POST", "functions/([^/]+)/profile", self._profile),
            ("GET", "sources", self._list_sources),
            ("GET", "header", self._header),
            ("GET", "environments", self._environments),
            ("GET", "invocations", self._invocations),
            ("GET", "invocations/([^/]+)", self._invocation),
            ("POST", "invocations/([^/]+)/replay", self._replay_invocation),
            ("GET", "logs", self._logs),
            ("GET", "stats", self._stats),
            ("GET", "dlq", self._dlq),
            ("POST", "dlq/purge", self._purge),
            ("GET", "dlq/([^/]+)", self._dlq_entry),
            ("POST", "dlq/([^/]+)/replay", self._replay_entry),
            ("POST", "send", self._send),
            ("GET", "peek", self._peek),
            ("POST", "sources/([^/]+)/pause", self._pause),
            ("POST", "sources/([^/]+)/resume", self._resume),
            ("GET", "code_change", self._code_change),
            ("GET", "last_event", self._last_event),
            ("DELETE", "overrides", self._reset_override),
            ("POST", "stop", self._stop),
            ("GET", "info", self._info),
        )
        self._routes = [(method, re.compile(path), handler) for method, path, handler in routes]

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path begins with CONTROL_PREFIX."""
        if not self._guards.bearer(dict(scope["headers"])):
            await respond(
                send, 401, b'{"error":"the token is missing or wrong; it stands in engine.json"}',
                [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")],
            )  # fmt: skip
            return
        status = 200
        failure: LambdaTuiError | None = None
        try:
            answer = await self._answer(scope, receive)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            status, failure = 413, UsageError(f"the request's body is longer than {MAX_BODY} bytes")
        except NoRoomError as error:
            status, failure = 503, LambdaTuiError(str(error))
        except LambdaTuiError as error:
            status, failure = _status(error), error
        except Exception as error:
            logger.exception("control call %s failed", scope["path"])
            status, failure = 500, LambdaTuiError(f"the engine failed ({type(error).__name__}); its log says why")
        if failure is not None:
            answer = {"error": str(failure), "exit_code": failure.exit_code}
        await respond(send, status, msgspec.json.encode(answer))

    async def _answer(self, scope: Scope, receive: Receive) -> Any:
        path = scope["raw_path"].decode("latin-1")[len(CONTROL_PREFIX) :]
        other_method = False
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if method != scope["method"]:
                other_method = True
                continue
            body = await read_body(receive, MAX_BODY)
            parts = tuple(unquote(part) for part in match.groups())
            return await handler(Asked(parts, scope["query_string"], body))
        if other_method:
            raise UsageError(f"{CONTROL_PREFIX}{path[:100]} does not take {scope['method']}")
        raise NotFound(f"there is no control call {path[:100]!r}; is this engine of another version?")

    # --- reading

    async def _functions(self, _: Asked) -> Any:
        return self._engine.function_rows()

    async def _list_sources(self, _: Asked) -> Any:
        return self._sources.snapshot()

    async def _header(self, _: Asked) -> Any:
        return self._engine.header()

    async def _environments(self, _: Asked) -> Any:
        return self._engine.environment_rows()

    async def _invocations(self, asked: Asked) -> Any:
        return await self._door.read(
            self._engine.reader.invocations,
            function=self._function_name(asked.text("function")),
            status=asked.text("status"),
            since_us=asked.number("since_us"),
            limit=asked.number("limit"),
        )

    async def _invocation(self, asked: Asked) -> Any:
        found = await self._door.read(self._engine.reader.invocation, asked.parts[0])
        if found is None:
            raise NotFound(f"no invocation {asked.parts[0]} is stored")
        return found

    async def _logs(self, asked: Asked) -> Any:
        level = asked.text("min_level")
        if level is not None and level.upper() not in schema.LEVELS:
            raise UsageError(f"{level[:40]!r} is no log level; one of {', '.join(schema.LEVELS)} is")
        query: dict[str, Any] = {
            "functions": [self._function_name(name) or name for name in asked.texts("function")],
            "min_level": level.upper() if level else None,
            "request_id": asked.text("request_id"),
            "since_us": asked.number("since_us"),
            "after_id": asked.number("after_id") or 0,
            "limit": asked.number("limit"),
        }
        pattern = _pattern(asked.text("pattern"))
        try:
            return await self._door.read(self._engine.reader.logs, pattern=pattern and Bounded(pattern), **query)
        except HeavyError:
            assert pattern is not None
            data = str(self._engine.store.data)
            return await apart.search(
                self._door.searching, apart.Lines(data=data, pattern=pattern.pattern, **query), list[schema.LogLine]
            )

    async def _stats(self, asked: Asked) -> Any:
        return await self._door.read(
            self._engine.reader.stats,
            function=self._function_name(asked.text("function")),
            since_us=asked.number("since_us"),
        )

    async def _dlq(self, asked: Asked) -> Any:
        queue = asked.text("queue")
        names = [self._sources.queue(queue).name] if queue else self._sources.dlq_names()
        limit, before = asked.number("limit"), asked.number("before")
        page = {} if limit is None else {"limit": limit, "most_bytes": DLQ_PAGE_BYTES}
        page |= {} if before is None else {"before": before}
        return await asyncio.to_thread(self._engine.reader.dlq_entries, names, **page)

    async def _dlq_entry(self, asked: Asked) -> Any:
        found = await asyncio.to_thread(self._engine.reader.dlq_entry, asked.parts[0])
        if found is None:
            raise NotFound(f"no dead letter {asked.parts[0]} is there (any more)")
        return found

    async def _peek(self, asked: Asked) -> Any:
        source, limit = asked.needed("source"), asked.number("limit")
        count = 100 if limit is None else limit
        found = self._sources.queue_or_stream(source)
        reader = self._engine.reader
        read = reader.peek_stream if isinstance(found, StreamConfig) else reader.peek
        return await asyncio.to_thread(read, found.name, count)

    async def _code_change(self, asked: Asked) -> Any:
        function = self._engine.function(asked.needed("function"))
        new = asked.text("new_sha") or function.code_sha
        return await asyncio.to_thread(
            self._engine.reader.code_change, function.config.name, asked.needed("old_sha"), new
        )

    async def _last_event(self, asked: Asked) -> Any:
        function = self._engine.function(asked.needed("function")).config.name
        reader = self._engine.reader
        read = reader.failed_event if asked.text("failed") in ("1", "true") else reader.last_event
        found = await self._door.read(read, function)
        return None if found is None else StoredEvent(*found)

    async def _info(self, _: Asked) -> Any:
        return {k: v for k, v in msgspec.to_builtins(self._door.settings.info()).items() if k != "token"}

    async def _cold_start(self, asked: Asked) -> Any:
        return await profiling.last_cold_start(self._door, asked.parts[0])

    # --- acting

    async def _profile(self, asked: Asked) -> Any:
        return await profiling.profiled(
            self._door,
            asked.parts[0],
            asked.text("qualifier"),
            asked.body,
            rate_hz=asked.number("rate"),
            cold=asked.text("cold") in ("1", "true"),
        )

    async def _replay_invocation(self, asked: Asked) -> Any:
        await self._door.written()
        return await self._sources.replay_invocation(asked.parts[0], asked.body or None)

    async def _replay_entry(self, asked: Asked) -> Any:
        return await self._sources.replay_entry(asked.parts[0], asked.body or None)

    async def _purge(self, asked: Asked) -> Any:
        return {"purged": await self._sources.purge(asked.decoded(PurgeRequest).ids)}

    async def _send(self, asked: Asked) -> Any:
        request = asked.decoded(SendRequest)
        if not request.messages:
            raise UsageError("there is no message to send")
        messages = [
            NewMessage(body=one.body, attributes=one.attributes, group_id=one.group_id, dedup_id=one.dedup_id)
            for one in request.messages
        ]
        return {"ids": await self._sources.send(request.source, messages, request.partition_key)}

    async def _pause(self, asked: Asked) -> Any:
        await self._sources.pause(asked.parts[0])
        return {}

    async def _resume(self, asked: Asked) -> Any:
        await self._sources.resume(asked.parts[0])
        return {}

    async def _reset_override(self, asked: Asked) -> Any:
        await self._engine.reset_override(asked.needed("function"), asked.needed("property"))
        return {}

    async def _stop(self, asked: Asked) -> Any:
        grace = asked.decoded(StopRequest).grace
        if grace is not None and not 0 <= grace <= 86_400:
            raise UsageError("grace must be a number of seconds from 0 to 86400")
        asyncio.get_running_loop().call_later(0.02, self._door.settings.on_stop, grace)  # after this answer
        return {}

    def _function_name(self, given: str | None) -> str | None:
        """The function's own name; what is unknown stays, for history remembers functions that are gone."""
        if given is None:
            return None
        try:
            return self._engine.function(given).config.name
        except NotFound:
            return given


def _status(error: LambdaTuiError) -> int:
    if isinstance(error, NotFound):
        return 404
    return 400 if isinstance(error, UsageError) else 409


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    if len(text) > MAX_PATTERN:
        raise UsageError(f"the pattern is longer than {MAX_PATTERN} characters")
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"the pattern is no regular expression: {error}") from None
    if is_endless(text):
        raise UsageError("the pattern repeats what repeats, as (a+)+ does, which could take for ever: write it without")
    return pattern
