"""Mixed load from outside, and a record of what was accepted: what must be found again, whatever is killed."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.soak.kill_project import KillProject

_PATIENCE_S = 20.0
_GROUPS = 3
_KEYS = 4
# A save that ended so long before a call began is what the call runs: what the engine promises.
RELOAD_S = 0.1
SLOW_S = 2.0  # nothing waits longer for a save to be read


class Unanswered(Exception):
    """The engine has gone, or went before it answered: what was asked for may have been done or not."""


class Door:
    """One connection to whatever engine runs at the moment; `engine.json` says where."""

    def __init__(self, data: Path) -> None:
        self._file = data / "engine.json"
        self._connection: http.client.HTTPConnection | None = None
        self._token = ""

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            info = json.loads(self._file.read_bytes())
            self._token = info["token"]
            self._connection = http.client.HTTPConnection(info["url"].rpartition("/")[2], timeout=_PATIENCE_S)
        return self._connection

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer. Raises Unanswered."""
        try:
            connection = self._connect()
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            sent.setdefault("Authorization", f"Bearer {self._token}")
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            raise Unanswered(str(error)) from error

    def invoke(self, function: str, event: object, kind: str) -> tuple[int, dict[str, str], bytes]:
        path = f"/2015-03-31/functions/{function}/invocations"
        return self.ask("POST", path, json.dumps(event).encode(), X_Amz_Invocation_Type=kind)

    def call(self, target: str, body: object) -> Any:
        """An operation of SQS or Kinesis. Raises Unanswered, also where it is refused: the engine is ending."""
        service = "sqs" if target.startswith("AmazonSQS") else "kinesis"
        status, _, found = self.ask(
            "POST", "/", json.dumps(body).encode(),
            X_Amz_Target=target, Content_Type="application/x-amz-json-1.1",
            Authorization=f"AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/{service}/aws4_request,"
            " SignedHeaders=host, Signature=any",
        )  # fmt: skip
        if status != 200:
            raise Unanswered(found.decode(errors="replace"))
        return json.loads(found)


class Load:
    """Threads that send until they are told to stop."""

    def __init__(self, project: KillProject, rng: random.Random, *, pause_s: float) -> None:
        """`pause_s`: of each thread between two requests."""
        self._project = project
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seed = rng.randrange(2**32)
        self._threads: list[threading.Thread] = []
        self.faults: list[str] = []  # answers that should not have been given
        self.answered: dict[str, tuple[str, float]] = {}  # id of a synchronous call -> (request id, monotonic time)
        self.events: dict[str, tuple[str, bool]] = {}  # request id -> (id, poison)
        self.unsure: set[str] = set()  # ids of all kinds that were sent and not acknowledged
        self.messages: dict[str, tuple[str, bool]] = {}  # message id -> (id, poison)
        self.ordered: dict[str, int] = {}  # group -> how many were acknowledged, each sent until it was
        self.records: dict[str, tuple[str, int, bool]] = {}  # shard/sequence number -> (key, n, poison)
        self.replayed: dict[str, str] = {}  # entry of a dead-letter queue -> id; its replay succeeded
        self.saved: list[tuple[float, int]] = []  # when each save of `answer` ended, and its version
        self.sent = 0

    def start(self) -> None:
        works: list[Callable[[Door, random.Random], Iterator[None]]] = [
            self._sync, self._sync, self._async, self._async, self._queue, self._fifo, self._stream, self._replay,
            self._saves,
        ]  # fmt: skip
        for number, work in enumerate(works):
            rng = random.Random(self._seed + number)
            thread = threading.Thread(target=self._run, args=(work, rng), name=work.__name__, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Send no more; returns when every thread has its last answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S + 10)
            assert not thread.is_alive(), f"{thread.name} hangs"

    def _run(self, work: Callable[[Door, random.Random], Iterator[None]], rng: random.Random) -> None:
        with Door(self._project.data) as door:
            steps = work(door, rng)
            while not self._stop.is_set():
                try:
                    next(steps)
                except Exception as error:  # noqa: BLE001 - a thread that ends unheard would make the test pass
                    self.faults.append(f"{work.__name__} ended: {type(error).__name__}: {error}")
                    return
                self._stop.wait(rng.uniform(0, 2 * self._pause_s))

    def _name(self, prefix: str) -> str:
        with self._lock:
            self.sent += 1
            return f"{prefix}-{self.sent}"

    @contextlib.contextmanager
    def _unless_killed(self, *names: str) -> Iterator[None]:
        """What is not acknowledged may have been done or not."""
        try:
            yield
        except Unanswered:
            self.unsure.update(names)
            self._stop.wait(0.02)

    # --- one way in each

    def _sync(self, door: Door, rng: random.Random) -> Iterator[None]:
        while True:
            name = self._name("s")
            began = time.monotonic()
            with self._unless_killed(name):
                event = {"id": name, "breed": rng.random() < 0.05}
                status, headers, body = door.invoke("answer", event, "RequestResponse")
                if status == 200 and "x-amz-function-error" not in headers:
                    self.answered[name] = headers["x-amzn-requestid"], time.monotonic()
                    found = json.loads(body)
                    slow = time.monotonic() - began > SLOW_S
                    due = max((version for at, version in list(self.saved) if at + RELOAD_S <= began), default=0)
                    if found["id"] != name:
                        self.faults.append(f"{name} was answered with {found}")
                    if found["version"] < due and not slow:
                        before = ", ".join(f"{v} {began - at:.3f} s" for at, v in self.saved[-3:])
                        self.faults.append(f"{name} ran version {found['version']}; saved before it began: {before}")
                elif status not in (200, 429, 500, 503):  # full, or ending
                    self.faults.append(f"{name} was answered with {status} {body!r}")
                elif status == 200 and b"Runtime.ExitError" not in body:
                    self.faults.append(f"{name} failed: {body!r}")
            yield

    def _async(self, door: Door, rng: random.Random) -> Iterator[None]:
        while True:
            name, poison = self._name("a"), rng.random() < 0.1
            with self._unless_killed(name):
                event = {"id": name, "poison": poison, "ms": rng.choice((0, 0, 5, 40))}
                status, headers, body = door.invoke("job", event, "Event")
                if status == 202:
                    self.events[headers["x-amzn-requestid"]] = name, poison
                elif status not in (500, 503):
                    self.faults.append(f"{name} was answered with {status} {body!r}")
            yield

    def _queue(self, door: Door, rng: random.Random) -> Iterator[None]:
        while True:
            bodies = {
                str(number): {"id": self._name("q"), "poison": rng.random() < 0.03, "ms": rng.choice((0, 0, 10))}
                for number in range(rng.randint(1, 5))
            }
            entries = [{"Id": key, "MessageBody": json.dumps(body)} for key, body in bodies.items()]
            with self._unless_killed(*(body["id"] for body in bodies.values())):
                found = door.call("AmazonSQS.SendMessageBatch", {"QueueUrl": "work", "Entries": entries})
                for each in found["Successful"]:
                    body = bodies[each["Id"]]
                    self.messages[each["MessageId"]] = body["id"], body["poison"]
            yield

    def _fifo(self, door: Door, rng: random.Random) -> Iterator[None]:
        """Each number is sent until it is acknowledged, under one deduplication id: the queue takes it once."""
        while True:
            group = f"g{rng.randrange(_GROUPS)}"
            number = self.ordered.get(group, 0)
            body = json.dumps({"group": group, "n": number, "ms": rng.choice((0, 0, 10))})
            message = {
                "QueueUrl": "ordered.fifo", "MessageBody": body,
                "MessageGroupId": group, "MessageDeduplicationId": f"{group}-{number}",
            }  # fmt: skip
            self._name("f")
            while not self._stop.is_set():
                with self._unless_killed():
                    door.call("AmazonSQS.SendMessage", message)
                    self.ordered[group] = number + 1
                    break
            yield

    def _stream(self, door: Door, rng: random.Random) -> Iterator[None]:
        next_of = dict.fromkeys((f"k{number}" for number in range(_KEYS)), 0)
        while True:
            records = []
            for key in rng.choices(list(next_of), k=rng.randint(1, 6)):
                records.append({"key": key, "n": next_of[key], "poison": rng.random() < 0.01, "ms": rng.choice((0, 5))})
                next_of[key] += 1
            rows = [
                {"PartitionKey": each["key"], "Data": base64.b64encode(json.dumps(each).encode()).decode()}
                for each in records
            ]
            self._name("r")
            with self._unless_killed(*(f"{each['key']}/{each['n']}" for each in records)):
                found = door.call("Kinesis_20131202.PutRecords", {"StreamName": "clicks", "Records": rows})
                for each, row in zip(records, found["Records"], strict=True):
                    at = f"{row['ShardId']}/{row['SequenceNumber']}"
                    self.records[at] = each["key"], each["n"], each["poison"]
            yield

    def _replay(self, door: Door, rng: random.Random) -> Iterator[None]:
        """Replays dead letters, healed or as they are."""
        while True:
            with self._unless_killed():
                status, _, body = door.ask("GET", "/_lambdatui/v1/dlq?queue=job-dead")
                entries = [each for each in json.loads(body) if not each["replaying"]] if status == 200 else []
                if entries:
                    entry = rng.choice(entries)
                    event = json.loads(entry["event"])
                    healed = rng.random() < 0.7
                    edited = json.dumps({**event, "poison": False}).encode() if healed else b""
                    status, _, body = door.ask("POST", f"/_lambdatui/v1/dlq/{entry['id']}/replay", edited)
                    if status == 200 and json.loads(body)["status"] == "ok":
                        self.replayed[entry["id"]] = event["id"]
            self._stop.wait(0.2)
            yield

    def _saves(self, door: Door, rng: random.Random) -> Iterator[None]:
        version = 0
        while True:
            version += 1
            if rng.random() < 0.8:
                self._project.save(version, whole=rng.random() < 0.7)
                self.saved.append((time.monotonic(), version))
            else:
                self._project.touch(version)
            self._stop.wait(rng.uniform(0.3, 3))
            yield
