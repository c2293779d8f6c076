"""CloudWatch Logs' operations that read: streams, one stream's events, a group's events through a filter."""

from __future__ import annotations

import re
from typing import Any

from lambdatui.api import apart
from lambdatui.api.aws.logs_door import (
    STREAM,
    Answer,
    LogsDoor,
    Members,
    Operation,
    bad_token,
    invalid,
    next_token,
    no_stream,
)
from lambdatui.api.aws.logs_pattern import PatternError, compiled
from lambdatui.config.backtracking import HeavyError
from lambdatui.errors import UsageError
from lambdatui.store.logs import FIRST, LAST, Event, Filter, Limits, LogStore, Page, Span, StreamRow

MAX_EVENTS = 10_000
PAGE_BYTES = 1024 * 1024
LOOKED_AT = 20_000  # lines that one page of FilterLogEvents looks at: then it is given, perhaps without an event
_LATEST_MS = 2**62 // 1000 - 1
_TOKEN = re.compile(r"([fb])/(\d{20})(\d{36})/s")

Place = tuple[int, int]  # of store.logs


class Events:
    def __init__(self, ground: LogsDoor) -> None:
        self._ground = ground
        self.operations: dict[str, Operation] = {
            "DescribeLogStreams": self._streams,
            "GetLogEvents": self._get,
            "FilterLogEvents": self._filter,
        }

    async def _streams(self, members: Members) -> Answer:
        prefix = members.text("logStreamNamePrefix", pattern=STREAM, low=1, high=512)
        order = members.choice("orderBy", ("LogStreamName", "LastEventTime"))
        descending = members.flag("descending") or False
        limit = members.number("limit", 1, 50) or 50
        token = members.token()
        group = await self._ground.group_of(members)
        by_time = order == "LastEventTime"
        if by_time and prefix is not None:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")

        def key(row: StreamRow) -> tuple[int, str]:
            return (row.last_us or 0 if by_time else 0), row.name

        rows = sorted(await (await self._ground.fresh()).streams(group, prefix or ""), key=key, reverse=descending)
        if token is not None:
            number, _, name = token.partition(":")
            if not re.fullmatch(r"\d{1,20}", number, re.ASCII):
                raise bad_token()
            last = int(number), name
            rows = [row for row in rows if (key(row) < last if descending else key(row) > last)]
        answer: Answer = {"logStreams": [self._stream(group, row) for row in rows[:limit]]}
        if len(rows) > limit:
            last_us, name = key(rows[limit - 1])
            answer["nextToken"] = next_token(f"{last_us}:{name}")
        return answer

    def _stream(self, group: str, row: StreamRow) -> dict[str, Any]:
        fields = {
            "logStreamName": row.name,
            "creationTime": row.created_us // 1000,
            "arn": f"{self._ground.arn(group)}:log-stream:{row.name}",
            "storedBytes": 0,
        }
        if row.first_us is not None and row.last_us is not None:
            fields["firstEventTimestamp"] = row.first_us // 1000
            fields["lastEventTimestamp"] = fields["lastIngestionTime"] = row.last_us // 1000
        return fields

    async def _get(self, members: Members) -> Answer:
        """One stream's events from either end; the tokens lead on both ways and repeat where nothing follows."""
        stream = members.text("logStreamName", required=True, pattern=STREAM, low=1, high=512) or ""
        start, end = _time(members, "startTime"), _time(members, "endTime")
        limit = members.number("limit", 1, MAX_EVENTS) or MAX_EVENTS
        from_head = members.flag("startFromHead") or False
        token = members.text("nextToken", low=1)
        group = await self._ground.group_of(members)
        logs = await self._ground.fresh()
        if not await logs.has_stream(group, stream):
            raise no_stream()
        # Events at the end itself are not included here, unlike in FilterLogEvents.
        span = Span(group, _from(start), LAST if end is None else (end * 1000, 0), [stream], backward=not from_head)
        if token is not None:
            forward, place = _read_token(token)
            if forward:
                span = span._replace(after=max(span.after, place), backward=False)
            else:
                span = span._replace(before=min(span.before, place), backward=True)
        page = await logs.page(span, Limits(limit, PAGE_BYTES, limit + 1))
        if page.events:
            first: Place = page.events[0].place
            last: Place = page.events[-1].place
        else:  # stay where it is; the other way begins with what was passed last
            time_us, number = span.before if span.backward and span.before != LAST else span.after
            first, last = (time_us, number + (not span.backward)), (time_us, number - (span.backward and number > 0))
        return {
            "events": [_event(event) for event in page.events],
            "nextForwardToken": f"f/{_digits(last)}/s",
            "nextBackwardToken": f"b/{_digits(first)}/s",
        }

    async def _filter(self, members: Members) -> Answer:
        streams = members.texts("logStreamNames", low=1, high=100)
        prefix = members.text("logStreamNamePrefix", pattern=STREAM, low=1, high=512)
        start, end = _time(members, "startTime"), _time(members, "endTime")
        pattern = members.text("filterPattern", high=1024) or ""
        limit = members.number("limit", 1, MAX_EVENTS) or MAX_EVENTS
        backward = members.flag("startFromHead") is False
        token = members.token()
        group = await self._ground.group_of(members)
        if streams is not None and prefix is not None:
            raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
        try:
            wanted = compiled(pattern) if pattern.strip() else None
        except PatternError as error:
            raise invalid(str(error)) from None
        logs = await self._ground.fresh()
        for stream in streams or ():
            if not await logs.has_stream(group, stream):
                raise no_stream()
        if prefix is not None:
            streams = [row.name for row in await logs.streams(group, prefix)]
        span = Span(group, _from(start), LAST if end is None else ((end + 1) * 1000, 0), streams, backward=backward)
        if token is not None:
            place = _place(token)
            span = span._replace(before=place) if backward else span._replace(after=place)
        page = await self._found(logs, span, Limits(limit, PAGE_BYTES, LOOKED_AT), wanted, pattern)
        events = page.events[::-1] if backward else page.events
        answer: Answer = {
            "events": [
                {"logStreamName": event.stream, **_event(event), "eventId": _digits(event.place)} for event in events
            ],
            "searchedLogStreams": [],
        }
        if page.more and page.place is not None:
            answer["nextToken"] = next_token(_digits(page.place))
        return answer

    async def _found(self, logs: LogStore, span: Span, limits: Limits, wanted: Filter | None, pattern: str) -> Page:
        try:
            return await logs.page(span, limits, wanted)
        except HeavyError:
            data, now_us = str(self._ground.door.engine.store.data), self._ground.door.engine.clock.now_us()
            asked = apart.Events(data=data, pattern=pattern, span=span, limits=limits, now_us=now_us)
        try:
            return await apart.search(self._ground.door.searching, asked, Page)
        except UsageError as error:
            raise invalid(str(error)) from None


def _time(members: Members, name: str) -> int | None:
    """Milliseconds since the epoch."""
    found = members.number(name, 0, 2**63 - 1)
    return None if found is None else min(found, _LATEST_MS)


def _from(start_ms: int | None) -> Place:
    return FIRST if start_ms is None else (start_ms * 1000, 0)


def _event(event: Event) -> dict[str, Any]:
    """`message` is what was written, with its newline; the platform's JSON events have none on AWS."""
    platform = event.level == "PLATFORM" and event.message.startswith("{")
    time_ms = event.place.time_us // 1000
    return {
        "timestamp": time_ms,
        "message": event.message if platform else event.message + "\n",
        "ingestionTime": time_ms,
    }


def _digits(place: Place) -> str:
    """The place as the 56 digits that an event's id has on AWS."""
    return f"{place[0]:020d}{place[1]:036d}"


def _place(digits: str) -> Place:
    if not re.fullmatch(r"\d{56}", digits, re.ASCII):
        raise bad_token()
    return min(int(digits[:20]), LAST[0]), min(int(digits[20:]), LAST[1])


def _read_token(token: str) -> tuple[bool, Place]:
    match = _TOKEN.fullmatch(token)
    if match is None or not token.isascii():
        raise bad_token()
    return match[1] == "f", _place(match[2] + match[3])
