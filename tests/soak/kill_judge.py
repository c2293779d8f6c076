"""What must hold after the kills: nothing accepted is lost, what has an order kept it, and both databases are whole.

Each check gives sentences about what does not hold, none where all is well.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from lambdatui.store.reader import Reader
from tests.soak.kill_engine import Kill
from tests.soak.kill_load import Load
from tests.soak.kill_project import BATCH, VISIBILITY_S, KillProject

_ALL = 10_000_000
# Seconds after which an answer's row is in history: it is written every 0.2 seconds, on a busy machine later.
_WRITTEN_S = 3.0
_FUNCTIONS = ("answer", "job", "work", "ordered", "clicks", "tick")


class Found(NamedTuple):
    """The judgement: what does not hold, and how much was looked at."""

    faults: list[str]
    counts: dict[str, int]


def whole(data: Path) -> Iterator[str]:
    """Looks at copies of both databases as a kill has left them. The engine must not run."""
    with tempfile.TemporaryDirectory() as folder:
        for file in data.iterdir():
            if file.name.startswith(("state.db", "history.db")) and not file.name.endswith("-shm"):
                shutil.copy(file, folder)
        for name, references in (("state.db", _STATE_REFERENCES), ("history.db", _HISTORY_REFERENCES)):
            if not (Path(folder) / name).exists():  # killed before it was made
                continue
            connection = sqlite3.connect(Path(folder) / name)
            try:
                yield from _whole(connection, name, references)
            finally:
                connection.close()


_STATE_REFERENCES = (("event", "payload"), ("message", "payload"), ("record", "payload"))
_HISTORY_REFERENCES = (("invocation", "event"), ("invocation", "result"))


def _whole(connection: sqlite3.Connection, name: str, references: Sequence[tuple[str, str]]) -> Iterator[str]:
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield f"{name}: {text}"
    if connection.execute("PRAGMA user_version").fetchone() == (0,):
        return  # killed before it had tables
    counted: Counter[int] = Counter()
    for table, column in references:
        counted.update(key for (key,) in connection.execute(f"SELECT {column} FROM {table} WHERE {column} NOT NULL"))
    if counted != dict(connection.execute("SELECT id, refs FROM payload")):
        yield f"{name}: payloads are counted otherwise than they are referred to"
    if name == "history.db":
        yield from _counted_once(connection)


def _counted_once(connection: sqlite3.Connection) -> Iterator[str]:
    """CloudWatch's sums are those of the rows, which are written with them."""
    for metric, condition in (
        ("Invocations", "status <> 'throttled'"),
        ("Errors", "status IN ('error', 'timeout')"),
        ("Throttles", "status = 'throttled'"),
    ):
        rows = dict(connection.execute(f"SELECT function, count(*) FROM invocation WHERE {condition} GROUP BY 1"))
        sums = dict(connection.execute("SELECT function, sum(sum) FROM metric WHERE name = ? GROUP BY 1", (metric,)))
        if any(sums.get(each, 0) != rows.get(each, 0) for each in _FUNCTIONS):
            yield f"{metric} are {sums}, and there are rows for {rows}"


def unfinished(project: KillProject, load: Load) -> int:
    """How much of what was accepted has neither been processed nor given up; also while the engine runs."""
    reader = Reader(project.data)
    judge = _Judge(project, load, (), reader)
    try:
        return sum("is lost" in fault for fault in [*judge.events(), *judge.queue(), *judge.fifo(), *judge.stream()])
    finally:
        reader.close()


def judge(project: KillProject, load: Load, kills: Sequence[Kill]) -> Found:
    """After the last engine has ended."""
    reader = Reader(project.data)
    judge = _Judge(project, load, kills, reader)
    try:
        faults = [
            *whole(project.data), *judge.calls(), *judge.events(), *judge.queue(), *judge.fifo(), *judge.stream(),
            *judge.ticks(), *judge.history(), *judge.replays(), *load.faults,
        ]  # fmt: skip
    finally:
        reader.close()
    return Found(faults, judge.counts)


class _Judge:
    def __init__(self, project: KillProject, load: Load, kills: Sequence[Kill], reader: Reader) -> None:
        self._project = project
        self._load = load
        self._kills = kills
        self._reader = reader
        self._dead = reader.dlq_entries(["job-dead"])
        self._done = [json.loads(each.body)["requestContext"]["requestId"] for each in reader.peek("job-done", _ALL)]
        self._rows: dict[str, list[Any]] = defaultdict(list)
        for row in reader.invocations():
            self._rows[row.request_id].append(row)
        self.counts: dict[str, int] = {}

    def _killed(self, begin: float, end: float, *targets: str) -> bool:
        """Whether a process was killed between two times, in monotonic seconds."""
        return any(begin <= kill.at <= end and (not targets or kill.target in targets) for kill in self._kills)

    def _again(self, first: float, second: float) -> bool:
        """Whether a message may have come twice: by a kill, or on a busy machine because its batch took too long."""
        return self._killed(first - 2 * VISIBILITY_S, second) or second - first >= VISIBILITY_S / 2

    def _ledger(self, kind: str) -> Iterator[tuple[float, list[str]]]:
        for time_ns, *what in self._project.lines(kind):
            yield int(time_ns) / 1e9, what

    def _times(self, kind: str) -> dict[str, list[float]]:
        times: dict[str, list[float]] = defaultdict(list)
        for at, (id, *_) in self._ledger(kind):
            times[id].append(at)
        return times

    def calls(self) -> Iterator[str]:
        """A synchronous call runs once, answered or not."""
        times = self._times("answer")
        self.counts["synchronous calls"] = len(self._load.answered)
        for id, (request_id, at) in self._load.answered.items():
            if not times[id]:
                yield f"the call {id} was answered and has not run"
            rows = self._rows[request_id]
            if len(rows) > 1 or (not rows and not self._killed(at - 0.5, at + _WRITTEN_S, "engine", "both", "stop")):
                yield f"the call {id} has {len(rows)} rows in history"
        yield from (f"the call {id} ran {len(each)} times" for id, each in times.items() if len(each) > 1)

    def events(self) -> Iterator[str]:
        """An event has one end: its success, or its place in the dead-letter queue."""
        times, done = self._times("job"), Counter(self._done)
        dead = Counter(json.loads(each.event)["id"] for each in self._dead)
        dead.update(self._load.replayed.values())
        self.counts["asynchronous events"] = len(self._load.events)
        self.counts["dead letters"] = len(dead)
        for request_id, (id, poison) in self._load.events.items():
            ends = done[request_id] + dead[id]
            healed = poison and times[id]  # by a replay whose answer a kill cut off
            if ends != 1 and not (ends == 0 and healed):
                what = "is lost" if not ends else f"ended {ends} times"
                where = f"{done[request_id]} times in job-done, {dead[id]} times in job-dead"
                yield f"the event {id} ({'poison' if poison else 'good'}) {what}: {where}"
            if done[request_id] and not times[id]:
                yield f"the event {id} is said to be done and has not run"
        poisoned = {id for id, poison in self._load.events.values() if poison}
        for id, each in times.items():
            if len(each) > 1 and id not in poisoned and not self._killed(each[0] - VISIBILITY_S, each[-1]):
                yield f"the event {id} ran {len(each)} times with no kill between"

    def queue(self) -> Iterator[str]:
        times = self._times("work")
        dead = {json.loads(each.event)["id"] for each in self._reader.dlq_entries(["work-dead"])}
        self.counts["queue messages"] = len(self._load.messages)
        for id, poison in self._load.messages.values():
            if id not in dead and (poison or not times[id]):
                yield f"the message {id} is lost"
        for id, each in times.items():
            if any(not self._again(*pair) for pair in pairwise(each)):
                yield f"the message {id} was processed {len(each)} times with no kill between"
        for name in ("work", "ordered.fifo"):
            if left := len(self._reader.peek(name, _ALL)):
                yield f"what is left in {name} is lost: {left} messages"

    def fifo(self) -> Iterator[str]:
        """A group's numbers come one after the other; a kill may bring back what was in hand, and no more."""
        last: dict[str, tuple[int, float]] = defaultdict(lambda: (-1, 0.0))
        most: dict[str, int] = defaultdict(lambda: -1)
        self.counts["FIFO messages"] = sum(self._load.ordered.values())
        for at, (group, text) in self._ledger("ordered"):
            number, (before, before_at) = int(text), last[group]
            again = before - BATCH < number <= before and self._again(before_at, at)
            if number != before + 1 and not again:
                yield f"{group}: {number} came after {before}"
            last[group] = number, at
            most[group] = max(most[group], number)
        for group, count in self._load.ordered.items():
            if most[group] < count - 1:
                yield f"{group}: all after {most[group]} of {count} is lost"

    def stream(self) -> Iterator[str]:
        dead = self._dead_records()
        stored: dict[str, dict[int, bool]] = defaultdict(dict)  # key -> number -> whether it may be a dead letter
        self.counts["stream records"] = len(self._load.records)
        self.counts["stream records in dead letters"] = sum(at in dead for at in self._load.records)
        for at, (key, number, _) in self._load.records.items():
            stored[key][number] = at in dead
        seen: dict[str, set[int]] = defaultdict(set)
        last: dict[str, tuple[int, float]] = defaultdict(lambda: (-1, 0.0))
        for at_s, (key, text) in self._ledger("clicks"):
            number, (before, before_at) = int(text), last[key]
            missed = [each for each in range(before + 1, number) if stored[key].get(each) is False]
            if missed:
                yield f"{key}: {number} came after {before}, before {missed}"
            if number <= before and not self._killed(before_at - VISIBILITY_S, at_s):
                yield f"{key}: {number} came again after {before}, with no kill between"
            last[key] = number, at_s
            seen[key].add(number)
        for at, (key, number, poison) in self._load.records.items():
            if number not in seen[key] and at not in dead:
                yield f"{key}: {number} ({'poison' if poison else 'good'}) is lost"

    def _dead_records(self) -> set[str]:
        """shard/sequence number of what on-failure records name."""
        ranges: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for each in self._reader.dlq_entries(["clicks-dead"]):
            info = json.loads(each.event)["KinesisBatchInfo"]
            ranges[info["shardId"]].append((info["startSequenceNumber"], info["endSequenceNumber"]))
        found = set()
        for at in self._load.records:
            shard, _, seq = at.partition("/")
            if any(first <= seq <= last for first, last in ranges[shard]):
                found.add(at)
        return found

    def ticks(self) -> Iterator[str]:
        """A schedule's time is one event, whoever was killed while it fell due."""
        events: dict[str, set[str]] = defaultdict(set)
        for _, (due, request_id) in self._ledger("tick"):
            events[due].add(request_id)
        self.counts["schedule ticks"] = len(events)
        yield from (f"{due} fired {len(each)} times" for due, each in events.items() if len(each) > 1)

    def history(self) -> Iterator[str]:
        """Each end of an event has the row of its attempt, with the exact event; no attempt has two without a kill."""
        for request_id, (id, _) in self._load.events.items():
            rows = [row for row in self._rows[request_id] if row.replay_of is None]
            if not rows:
                yield f"the event {id} has no row in history"
            elif request_id in self._done and rows[0].status != "ok":
                yield f"the last row of {id}, which is done, says {rows[0].status}"
            detail = self._reader.invocation(request_id)
            if detail is not None and json.loads(detail.event)["id"] != id:
                yield f"the row of {id} has the event {detail.event!r}"

    def replays(self) -> Iterator[str]:
        """A replay that is said to have succeeded took its entry away, and a kill locked none."""
        left = {each.id for each in self._dead}
        self.counts["replays"] = len(self._load.replayed)
        times = self._times("job")
        for entry, id in self._load.replayed.items():
            if entry in left:
                yield f"the entry {entry} was replayed and is still there"
            if not times[id]:
                yield f"the replay of {id} was answered and has not run"
        yield from (f"the entry {each.id} is locked" for each in self._dead if each.replaying)
