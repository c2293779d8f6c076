"""Queues and streams that the API made, merged into what the files say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lambdatui.config.dead_letters import dlq_names, dlqs_by_function
from lambdatui.config.made import DELETED, Made, plain, with_made
from lambdatui.config.model import (
    Destination,
    FunctionConfig,
    Project,
    QueueConfig,
    QueueMapping,
    StreamConfig,
    StreamMapping,
)

QUEUE = QueueConfig(name="orders", logical_id="Orders", visibility_timeout=30, file="template.yaml", line=3)


def project(**parts: Any) -> Project:
    return Project(root="/p", name="p", kind="sam", region="us-east-1", account="000000000000", **parts)


def made(name: str, *, own: bool, kind: Any = "queue", config: Any = None, base: Any = None) -> Made:
    return Made(kind=kind, name=name, own=own, config=config or {}, base=base or {}, created_us=1, modified_us=1)


def test_a_queue_of_the_api_stands_beside_the_declared_ones() -> None:
    row = made("more", own=True, config={"delay": 5.0, "fifo": False})
    (first, second) = with_made(project(queues=(QUEUE,)), [row]).queues
    assert first is QUEUE
    assert second == QueueConfig(name="more", logical_id="more", delay=5)


def test_a_stream_of_the_api_keeps_what_only_its_owner_understands() -> None:
    row = made("clicks", own=True, kind="stream", config={"shards": 3, "mode": "PROVISIONED"})
    assert with_made(project(), [row]).streams == (StreamConfig(name="clicks", logical_id="clicks", shards=3),)


def test_a_setting_is_laid_over_the_declaration_until_that_changes() -> None:
    row = made(
        "orders", own=False, config={"visibility_timeout": 5.0, "delay": 2.0},
        base={"visibility_timeout": 30.0, "delay": 0.0},
    )  # fmt: skip
    (queue,) = with_made(project(queues=(QUEUE,)), [row]).queues
    assert (queue.visibility_timeout, queue.delay, queue.line) == (5, 2, 3)
    edited = msgspec.structs.replace(QUEUE, visibility_timeout=60)
    (queue,) = with_made(project(queues=(edited,)), [row]).queues
    assert (queue.visibility_timeout, queue.delay) == (60, 2), "the edited field gives way, the other stays"


def test_a_declaration_wins_over_a_queue_of_the_same_name() -> None:
    row = made("orders", own=True, config={"visibility_timeout": 5.0})
    assert with_made(project(queues=(QUEUE,)), [row]).queues == (QUEUE,)


def test_settings_of_a_queue_that_is_no_longer_declared_make_none() -> None:
    assert with_made(project(), [made("orders", own=False, config={"delay": 1.0}, base={"delay": 0.0})]).queues == ()


def test_dead_letter_queues_are_those_that_exist_once_each_whoever_made_them() -> None:
    declared = project(
        functions=(
            FunctionConfig(name="f", logical_id="F", handler="a.b", code_root="/p", dead_letter_queue="f-dlq",
                           on_failure=Destination(kind="queue", name="nowhere")),
        ),
        queues=(
            msgspec.structs.replace(QUEUE, redrive_queue="late", max_receive_count=1),
            QueueConfig(name="f-dlq", logical_id="D"),
            QueueConfig(name="lost", logical_id="L"),
        ),
        mappings=(
            StreamMapping(uuid="u", function="f", stream="s", on_failure=Destination(kind="queue", name="lost")),
        ),
    )  # fmt: skip
    assert dlq_names(declared) == ["f-dlq", "lost"]
    assert dlq_names(with_made(declared, [made("late", own=True)])) == ["late", "f-dlq", "lost"]


def test_a_functions_dead_letters_lie_where_what_it_failed_on_ends() -> None:
    functions = [
        FunctionConfig(name=name, logical_id=name.upper(), handler="a.b", code_root="/p", dead_letter_queue=own)
        for name, own in (("f", "f-dlq"), ("g", None), ("h", None))
    ]
    declared = project(
        functions=tuple(functions),
        queues=(
            msgspec.structs.replace(QUEUE, redrive_queue="orders-dlq", max_receive_count=1),
            *(QueueConfig(name=name, logical_id=name) for name in ("f-dlq", "orders-dlq", "lost")),
        ),
        mappings=(
            MAPPING,
            msgspec.structs.replace(MAPPING, uuid="u-2", function="g"),
            StreamMapping(uuid="u", function="g", stream="s", on_failure=Destination(kind="queue", name="lost")),
            StreamMapping(uuid="v", function="g", stream="t", on_failure=Destination(kind="queue", name="elsewhere")),
        ),
    )
    assert dlqs_by_function(declared) == {"f": ["f-dlq", "orders-dlq"], "g": ["orders-dlq", "lost"], "h": []}


MAPPING = QueueMapping(uuid="u-1", function="f", queue="orders", batch_size=5)


def test_a_mapping_of_the_api_stands_beside_the_declared_ones() -> None:
    of_stream = {"type": "stream", "function": "f", "stream": "clicks", "on_failure": {"kind": "topic", "name": "t"}}
    rows = [
        made("u-2", own=True, kind="mapping", config={"type": "queue", "function": "g", "queue": "orders", "tags": {}}),
        made("u-3", own=True, kind="mapping", config=of_stream),
    ]
    assert with_made(project(mappings=(MAPPING,)), rows).mappings == (
        MAPPING,
        QueueMapping(uuid="u-2", function="g", queue="orders"),
        StreamMapping(uuid="u-3", function="f", stream="clicks", on_failure=Destination(kind="topic", name="t")),
    )


def test_a_declared_mapping_of_the_same_source_and_function_stands_for_that_of_the_api() -> None:
    row = made("u-2", own=True, kind="mapping", config={"type": "queue", "function": "f", "queue": "orders"})
    alias = {"type": "queue", "function": "f", "queue": "orders", "qualifier": "live"}
    rows = [row, made("u-3", own=True, kind="mapping", config=alias)]
    assert [one.uuid for one in with_made(project(mappings=(MAPPING,)), rows).mappings] == ["u-1", "u-3"]


def test_a_setting_is_laid_over_a_declared_mapping_until_that_changes() -> None:
    row = made(
        "u-1", own=False, kind="mapping", config={"batch_size": 1, "enabled": False},
        base={"batch_size": 5, "enabled": True},
    )  # fmt: skip
    (mapping,) = with_made(project(mappings=(MAPPING,)), [row]).mappings
    assert (mapping.batch_size, mapping.enabled) == (1, False)
    edited = msgspec.structs.replace(MAPPING, batch_size=7)
    (mapping,) = with_made(project(mappings=(edited,)), [row]).mappings
    assert (mapping.batch_size, mapping.enabled) == (7, False)


def test_a_declared_mapping_that_the_api_deleted_comes_back_when_its_declaration_changes() -> None:
    row = made("u-1", own=False, kind="mapping", config={DELETED: True}, base={DELETED: plain(MAPPING)})
    assert with_made(project(mappings=(MAPPING,)), [row]).mappings == ()
    edited = msgspec.structs.replace(MAPPING, filters=('{"body": {"a": [1]}}',))
    assert with_made(project(mappings=(edited,)), [row]).mappings == (edited,)


@pytest.mark.parametrize("mapping", [MAPPING, StreamMapping(uuid="u-1", function="f", stream="s", filters=("{}",))])
def test_what_the_files_said_is_the_same_after_it_was_on_disk(mapping: Any) -> None:
    base = msgspec.json.decode(msgspec.json.encode({**plain(mapping), DELETED: plain(mapping)}))
    gone = made("u-1", own=False, kind="mapping", config={DELETED: True}, base=base)
    assert with_made(project(mappings=(mapping,)), [gone]).mappings == ()
    filtered = made("u-1", own=False, kind="mapping", config={"filters": ["[]"]}, base=base)
    assert with_made(project(mappings=(mapping,)), [filtered]).mappings[0].filters == ("[]",)
