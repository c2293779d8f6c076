"""/feed: what happens, to every attached screen, at most five times a second and only what changed.

One ticker builds the sections while any screen is attached; each screen's own task composes its next frame when the
last one is gone, so a slow screen skips frames and nothing queues up for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec

from lambdatui import schema
from lambdatui.api.asgi import Receive, Scope, Send
from lambdatui.api.aws.call import Door
from lambdatui.api.guards import Guards
from lambdatui.api.sections import Sections
from lambdatui.telemetry.loghub import batches_of, newest_of, pack

logger = logging.getLogger("lambdatui.api")

INTERVAL_S = 0.2
STILL_TICKS = 5  # without any change, after which it is looked only every RESTING_S until something stirs
RESTING_S = 1.0
LEAST_S = 0.04  # between two ticks, however often screens change their mind
LOGS_FIRST = 1000
LOG_BYTES_MOST = 2_000_000  # five times a second; lines that are left out are counted
LOG_BYTES_FRAME = 700_000  # of them in one frame: what receives it takes 1 MB by default
HAPPENINGS_FIRST = 200
MAX_SCREENS = 64
MAX_CATCH_UP_S = 5.0  # after a failed tick

_decode = msgspec.msgpack.Decoder(schema.Subscription).decode
_encode = msgspec.msgpack.Encoder().encode


class Screen:
    """One attached screen: what it wants and what it has been told."""

    def __init__(self) -> None:
        self.wanted = schema.Subscription()
        self.changed = True  # it came, or a subscription arrived, since its last frame
        self._sent: dict[str, int] = {}
        self._log_id = 0
        self._invocation_id = 0
        self._happening_id = 0
        self._logs_reset = True
        self._invocations_reset = True
        self._happenings_reset = True
        self._older: list[schema.LogLine] = []  # of earlier engines, for the first look
        self._told_at = 0.0

    def due(self, now: float) -> bool:
        """Whether its turn has come: five times a second, or at once after it asked for something else."""
        return self.changed or now - self._told_at >= INTERVAL_S * 0.9

    async def prepare(self, door: Door) -> None:
        """Read what a first look at the logs needs from the disk, where the hub's ring is too young to have it."""
        if not (self.wanted.logs and self._logs_reset):
            return
        functions = self.wanted.log_functions
        ring, _ = door.engine.telemetry.logs.packed_after(0, functions, LOGS_FIRST)
        if sum(packed.lines for packed in ring) < LOGS_FIRST:
            self._older = await asyncio.to_thread(door.engine.reader.logs, functions=functions, limit=LOGS_FIRST)

    def subscribe(self, wanted: schema.Subscription) -> None:
        """From the next frame on; everything subscribed to is told anew."""
        self.wanted = wanted
        self._sent.clear()
        self._logs_reset = self._invocations_reset = self._happenings_reset = True
        self._older = []
        self.changed = True

    def compose(self, door: Door, sections: Sections, now: float) -> list[bytes]:
        """The next frames, none where there is nothing to tell. What they hold counts as told."""
        wanted = self.wanted
        self.changed = False
        self._told_at = now
        frame: dict[str, Any] = {}
        shown = ["header"]
        shown += ["dlq"] if wanted.dlq else []
        shown += ["sources"] if wanted.sources else []
        shown += ["environments", "concurrency"] if wanted.environments else []
        for name in shown:
            self._section(frame, name, name, sections)
        if (news := sections.functions.news(self._sent.get("functions", -1))) is not None:
            member, frame[member] = news
            self._sent["functions"] = sections.functions.number
        if wanted.function is not None:
            self._section(frame, "series", f"series:{wanted.function}", sections)
        self._happenings(frame, door)
        first, *more = self._logs(frame, door) if wanted.logs else [[]]
        if first:
            frame["new_logs"] = first
        if wanted.invocations:
            self._invocations(frame, sections)
        frames = [frame] if frame else []
        frames += [{"new_logs": batches} for batches in more]
        return [_encode({"version": schema.FEED_VERSION, **each}) for each in frames]

    def _section(self, frame: dict[str, Any], member: str, name: str, sections: Sections) -> None:
        section = sections.section(name)
        if section is not None and self._sent.get(name) != section.number:
            self._sent[name] = section.number
            frame[member] = msgspec.Raw(section.raw)

    def _happenings(self, frame: dict[str, Any], door: Door) -> None:
        news = door.engine.telemetry.happenings_after(0 if self._happenings_reset else self._happening_id)
        if news:
            frame["new_happenings"] = news[-HAPPENINGS_FIRST:]
            self._happening_id = news[-1].id
        if self._happenings_reset:
            frame["happenings_reset"] = True
            self._happenings_reset = False

    def _logs(self, frame: dict[str, Any], door: Door) -> list[list[msgspec.Raw]]:
        """Batches of new lines for this frame and those after it."""
        hub, functions = door.engine.telemetry.logs, self.wanted.log_functions
        if self._logs_reset:
            batches, _ = hub.packed_after(0, functions, LOGS_FIRST)
            before = batches[0].first if batches else hub.newest_id + 1
            earlier = (line for line in self._older if line.id < before or not hub.newest_id)  # 0: not a line yet
            older = [pack(batch) for batch in batches_of(earlier)]
            batches = newest_of(older + batches, LOGS_FIRST, LOG_BYTES_MOST)
            self._older = []
            frame["logs_reset"] = True
            self._logs_reset = False
        else:
            batches, dropped = hub.packed_after(self._log_id, functions, size=LOG_BYTES_MOST)
            if dropped:
                frame["logs_dropped"] = dropped
        self._log_id = hub.newest_id  # whoever's they were, all up to here have been looked at
        parts: list[list[msgspec.Raw]] = [[]]
        room = LOG_BYTES_FRAME
        for packed in batches:
            room -= packed.size
            if room < 0 and parts[-1]:
                parts.append([])
                room = LOG_BYTES_FRAME - packed.size
            parts[-1].append(msgspec.Raw(packed.raw))
        return parts

    def _invocations(self, frame: dict[str, Any], sections: Sections) -> None:
        newest = sections.recent(self.wanted.invocations_function)
        if newest is None:
            return
        if self._invocations_reset:
            rows = newest
            frame["invocations_reset"] = True
            self._invocations_reset = False
            self._invocation_id = 0
        else:
            rows = [row for row in newest if row.id > self._invocation_id]
        if rows:
            frame["new_invocations"] = rows[::-1]
            self._invocation_id = max(row.id for row in rows)


class Feed:
    """All attached screens and the ticker that runs while there is one."""

    def __init__(self, door: Door, guards: Guards) -> None:
        self._door = door
        self._guards = guards
        self._sections = Sections(door)
        self._screens: set[Screen] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._ticked = asyncio.Event()
        self._wake = asyncio.Event()
        self._stirred = False  # something may have happened since the last tick
        self._resting = False
        door.engine.telemetry.on_news(self.stir)

    def stir(self) -> None:
        """Something happens: while nothing did, the ticker slept longer."""
        self._stirred = True
        if self._resting:
            self._wake.set()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One WebSocket from its handshake to its end."""
        if not self._guards.bearer(dict(scope["headers"])):
            await refuse(send, 401, b"the token is missing or wrong; it stands in engine.json\n")
            return
        if len(self._screens) >= MAX_SCREENS:
            await refuse(send, 503, b"no more screens now\n")
            return
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        screen = Screen()
        self._screens.add(screen)
        self._wake.set()
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._tick(), name="feed")
        listener = asyncio.create_task(self._listen(screen, receive, send))
        speaker = asyncio.create_task(self._speak(screen, send))
        try:
            await asyncio.wait({listener, speaker}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._screens.discard(screen)
            for task in (listener, speaker):
                task.cancel()
            await asyncio.gather(listener, speaker, return_exceptions=True)
            if not self._screens and self._ticker is not None:
                self._ticker.cancel()
                self._ticker = None

    async def _listen(self, screen: Screen, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                wanted = _decode(message.get("bytes") or b"")
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                await send({"type": "websocket.close", "code": 1007, "reason": f"not a Subscription: {error}"[:120]})
                return
            screen.subscribe(wanted)
            self._wake.set()

    async def _speak(self, screen: Screen, send: Send) -> None:
        """Frame after frame, each composed when the one before has left. The server ends it when it closes."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # uvicorn's ClientDisconnected is one
            while True:
                await self._ticked.wait()
                if not screen.due(loop.time()):
                    continue
                await screen.prepare(self._door)
                for frame in screen.compose(self._door, self._sections, loop.time()):
                    await send({"type": "websocket.send", "bytes": frame})

    async def _tick(self) -> None:
        """Refresh, tell everyone, wait; a shorter while where a screen asks for something else."""
        failures = still = 0
        while True:
            self._wake.clear()
            stirred, self._stirred, number = self._stirred, False, self._sections.number
            try:
                await self._sections.refresh([screen.wanted for screen in self._screens])
                self._sections.forget({s.wanted.function for s in self._screens if s.wanted.function is not None})
                failures = 0
            except Exception:
                failures += 1
                if failures == 1:
                    logger.exception("the feed could not be refreshed")
            self._ticked.set()
            self._ticked = asyncio.Event()
            still = 0 if stirred or self._sections.number != number else still + 1
            await asyncio.sleep(LEAST_S)
            rest = RESTING_S if still > STILL_TICKS else INTERVAL_S * 2**failures
            self._resting = still > STILL_TICKS
            if self._resting and self._stirred:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest, MAX_CATCH_UP_S) - LEAST_S):
                    await self._wake.wait()
            self._resting = False


async def refuse(send: Send, status: int, sentence: bytes) -> None:
    """Answer a handshake with HTTP: a plain close would be a 403 whatever the reason."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": sentence})
