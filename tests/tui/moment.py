"""The shop at one moment that does not pass: what a feed tells of it."""

from __future__ import annotations

from lambdatui.client.feed import State
from lambdatui.clock import MICROS, from_iso, iso
from lambdatui.schema import (
    ConcurrencyRow,
    DlqEntry,
    EngineInfo,
    EnvironmentRow,
    FunctionRow,
    Happening,
    Header,
    InvocationRow,
    LogLine,
    ProblemRow,
    QueueRow,
    RouteRow,
    ScheduleRow,
    Series,
    ShardRow,
    Sources,
    StreamRow,
)

NOW = from_iso("2026-11-21T14:31:10.000000Z")
ROOT = "/home/ann/shop"
ENGINE = EngineInfo(
    pid=1,
    url="http://127.0.0.1:3001",
    http_url="http://127.0.0.1:3000",
    aws_url=None,
    token="t",
    project=ROOT,
    version="0.1.0",
    started_at=iso(NOW - 720 * MICROS),
)
REQUEST = "5f2c91d4-0000-4000-8000-000000000001"


def at(seconds: float) -> str:
    """ISO text of `seconds` before now."""
    return iso(NOW - round(seconds * MICROS))


def function(name: str, state: str = "idle", **figures: object) -> FunctionRow:
    """A function of the shop."""
    values = {
        "name": name,
        "handler": "app.handler",
        "runtime": "python3.11",
        "memory": 128,
        "timeout": 3.0,
        "reserved_concurrency": None,
        "state": state,
        "code_root": f"{ROOT}/{name}",
        "file": "app.py",
        "line": 1,
        "code_sha": "9c02",
        "interpreter": "/usr/bin/python3",
    }
    return FunctionRow(**{**values, **figures})  # type: ignore[arg-type]


def wave(base: int, spread: int, seed: int) -> list[int]:
    """Sixty steady values that look alive."""
    return [max(0, base + (i * 7 + seed * 13) % (2 * spread + 1) - spread) for i in range(60)]


def functions() -> tuple[FunctionRow, ...]:
    """The seven of the mock."""
    return (
        function(
            "checkout",
            "busy",
            invocations=9120,
            rate=12.4,
            p50_ms=18.0,
            p95_ms=44.0,
            concurrency=2,
            line60=wave(12, 3, 1),
            triggers=["POST /checkout"],
        ),
        function(
            "fulfil-order",
            "failing",
            invocations=2210,
            errors=14,
            errors60=3,
            rate=3.1,
            p50_ms=9.0,
            p95_ms=31.0,
            concurrency=1,
            reserved_concurrency=5,
            dlq_depth=4,
            line60=wave(3, 2, 2),
            dead_letter_queue="orders-dlq",
            triggers=["queue orders (batch 10)"],
            environment={"STAGE": "local", "TABLE": "orders"},
            overrides={"reserved_concurrency": "5"},
            last_error="KeyError: 'postcode'",
        ),
        function(
            "track-clicks",
            "busy",
            invocations=20100,
            rate=20.0,
            p50_ms=3.0,
            p95_ms=6.0,
            concurrency=2,
            reserved_concurrency=2,
            iterator_age_ms=1800.0,
            line60=wave(20, 3, 3),
            triggers=["stream clicks"],
        ),
        function(
            "send-receipt",
            "throttled",
            invocations=700,
            throttles=12,
            throttles60=2,
            rate=1.0,
            p50_ms=240.0,
            p95_ms=260.0,
            concurrency=1,
            reserved_concurrency=1,
            line60=wave(1, 1, 4),
        ),
        function(
            "make-thumbnail",
            "reloading",
            invocations=90,
            rate=0.2,
            p50_ms=610.0,
            p95_ms=1200.0,
            line60=[1 if i % 5 == 0 else 0 for i in range(60)],
        ),
        function("nightly-report", "idle", triggers=["schedule cron(0 3 * * ? *)"]),
        function(
            "price-feed",
            "broken",
            problems=[
                ProblemRow(
                    severity="error",
                    file="price-feed/app.py",
                    line=3,
                    message="No module named 'yaml'",
                    remedy="pip install pyyaml",
                )
            ],
        ),
    )


def series(name: str) -> Series:
    """Two minutes of one function."""
    calls = [abs((i * 5) % 23 - 11) // 3 for i in range(120)]
    bad = [1 if i > 60 and i % 7 == 0 else 0 for i in range(120)]
    p50 = [8.0 + (i * 3) % 9 for i in range(120)]
    return Series(
        function=name,
        end=NOW // MICROS,
        invocations=calls,
        errors=bad,
        throttles=[1 if i % 40 == 0 else 0 for i in range(120)],
        p50_ms=list(p50),
        p95_ms=[v + 16 + i % 8 for i, v in enumerate(p50)],
        iterator_age_ms=[None if i < 60 else (i - 60) * 1000.0 for i in range(120)],
    )


def log_lines(count: int = 60) -> tuple[LogLine, ...]:
    """Orders that come in; every third one fails."""
    out: list[LogLine] = []
    for i in range(count):
        rid = f"{i:08x}-0000-4000-8000-000000000000"
        when = count - i
        order = 1100 + i

        def add(level: str, message: str, ms: float, rid: str = rid, when: int = when) -> None:
            out.append(
                LogLine(
                    time=at(when - ms / 1000),
                    function="fulfil-order",
                    request_id=rid,
                    level=level,
                    message=message,
                    id=len(out) + 1,
                )
            )

        add("PLATFORM", f"START RequestId: {rid} Version: $LATEST", 412)
        add("INFO", f"order {order}: 2 items for customer 42", 413)
        if i % 3 == 2:
            add("ERROR", "KeyError: 'postcode'\r  fulfil/app.py:31  label = address[\"postcode\"]", 415)
        add("PLATFORM", f"REPORT RequestId: {rid}\tDuration: 3.02 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB", 416)
    return tuple(out)


def invocation(number: int, **values: object) -> InvocationRow:
    """One attempt of the shop."""
    failed = number % 3 == 2
    fields = {
        "id": number,
        "request_id": f"{number:08x}-0000-4000-8000-000000000000",
        "function": ("checkout", "track-clicks", "fulfil-order")[number % 3],
        "version": "$LATEST",
        "type": "RequestResponse",
        "source": ("http", "stream:clicks", "queue:orders")[number % 3],
        "status": "error" if failed else "ok",
        "error_type": "KeyError" if failed else None,
        "error_message": "'postcode'" if failed else None,
        "started_at": at(60 - number),
        "duration_ms": 3.02,
        "init_ms": 41.0 if number % 10 == 0 else None,
        "billed_ms": 4,
        "max_memory_mb": 31,
        "attempt": 1,
        "cold": number % 10 == 0,
        "environment": "e1",
        "queued_ms": 0.4,
        "code_sha": "a41f",
    }
    return InvocationRow(**{**fields, **values})  # type: ignore[arg-type]


def entry(number: int, **values: object) -> DlqEntry:
    """One dead letter."""
    fields = {
        "id": f"dead-{number}",
        "queue": "orders-dlq",
        "function": "fulfil-order",
        "request_id": REQUEST,
        "error_code": "KeyError",
        "error_message": "'postcode'",
        "attempts": 3,
        "first_at": at(200 + number * 100),
        "last_at": at(1 + number * 127),
        "event": f'{{"order": {1189 - number}, "customer": 42, '
        '"items": [{"sku": "MUG-1", "qty": 2}, {"sku": "TEE-3", "qty": 1}], '
        '"address": {"street": "12 Hill Rd", "city": "Leeds"}}',
    }
    return DlqEntry(**{**fields, **values})  # type: ignore[arg-type]


def entries() -> tuple[DlqEntry, ...]:
    """The four of the mock."""
    return (
        entry(0),
        entry(1),
        entry(2, attempts=4),
        entry(
            14,
            function="make-thumbnail",
            error_code="Sandbox.Timedout",
            error_message="Task timed out after 3.00 s",
            event='{"key": "cat.jpg"}',
        ),
    )


def happenings() -> tuple[Happening, ...]:
    """The last few minutes, oldest first."""
    told = [
        (728, "engine", None, "engine started: 7 functions, 3 sources"),
        (90, "error", "fulfil-order", "first error: KeyError: 'postcode'"),
        (58, "stream", "track-clicks", "shard-1 caught up (was 41 s)"),
        (19, "syntax", "price-feed", "No module named 'yaml': the old version still serves"),
        (12, "reload", "make-thumbnail", "a41f → 9c02"),
        (5, "throttle", "send-receipt", "throttled ×12 (reserve 1)"),
        (1, "dlq", "fulfil-order", "order 1189 → orders-dlq after 3 attempts"),
    ]
    return tuple(Happening(id=i, time=at(s), kind=k, function=f, message=m) for i, (s, k, f, m) in enumerate(told, 1))


def sources() -> Sources:
    """Every kind of source."""
    return Sources(
        queues=[
            QueueRow(
                name="orders",
                logical_id="Orders",
                visible=7,
                in_flight=3,
                oldest_s=2.4,
                redrive="orders-dlq",
                max_receive_count=3,
                consumer="fulfil-order",
                mapping="map-1",
            ),
            QueueRow(name="orders-dlq", logical_id="OrdersDlq", visible=4, oldest_s=1900.0, dlq=True),
        ],
        streams=[
            StreamRow(
                name="clicks",
                logical_id="Clicks",
                consumer="track-clicks",
                mapping="map-2",
                shards=[
                    ShardRow(id="shardId-000000000000", iterator_age_ms=200.0, backlog=4),
                    ShardRow(
                        id="shardId-000000000001",
                        iterator_age_ms=62_000.0,
                        backlog=140,
                        blocked=True,
                        attempts=5,
                        error="ValueError: bad click",
                    ),
                ],
            )
        ],
        schedules=[
            ScheduleRow(id="nightly", function="nightly-report", expression="cron(0 3 * * ? *)", next_at=at(-7200))
        ],
        routes=[
            RouteRow(
                id="r1",
                function="checkout",
                api="rest",
                api_id="Shop",
                method="POST",
                path="/checkout",
                url="http://127.0.0.1:3000/checkout",
                requests=9120,
            )
        ],
    )


def environments() -> tuple[EnvironmentRow, ...]:
    """Six processes."""
    names = ("checkout", "checkout", "fulfil-order", "track-clicks", "track-clicks", "send-receipt")
    return tuple(
        EnvironmentRow(
            id=f"e{i}",
            function=name,
            pid=4000 + i,
            state="busy" if i % 2 else "frozen",
            start="forked" if i % 3 else "fresh",
            version="$LATEST",
            code_sha="9c02",
            memory_mb=28.0 + i * 14,
            memory_limit_mb=128,
            cpu_percent=3.0 * i,
            invocations=120 * i,
            age_s=60.0 * (i + 1),
            idle_s=None if i % 2 else 4.0,
        )
        for i, name in enumerate(names)
    )


def header(**values: object) -> Header:
    """The strip of the mock."""
    fields = {
        "project": "./sample_functions",
        "root": ROOT,
        "functions": 7,
        "rate": 41.2,
        "error_rate": 0.031,
        "invocations": 32220,
        "errors": 14,
        "throttles": 12,
        "concurrency": 9,
        "dlq_depth": 4,
        "started_at": at(720),
        "url": ENGINE.url,
    }
    return Header(**{**fields, **values})  # type: ignore[arg-type]


def shop(**values: object) -> State:
    """The whole shop at one moment."""
    lines, calls, told = log_lines(), tuple(invocation(i) for i in range(1, 41)), happenings()
    fields = {
        "connected": True,
        "engine": ENGINE,
        "header": header(),
        "functions": functions(),
        "series": series("checkout"),
        "logs": lines,
        "new_logs": lines,
        "logs_reset": True,
        "invocations": calls,
        "new_invocations": calls,
        "invocations_reset": True,
        "dlq": entries(),
        "sources": sources(),
        "environments": environments(),
        "concurrency": tuple(
            ConcurrencyRow(function=f.name, used=f.concurrency, reserved=f.reserved_concurrency) for f in functions()
        ),
        "happenings": told,
        "new_happenings": told,
        "happenings_reset": True,
    }
    return State(**{**fields, **values})  # type: ignore[arg-type]
