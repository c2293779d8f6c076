"""CloudWatch Logs on the real store, asked by the real boto3; each raw answer is held against botocore's model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import COMMON, AwsError
from lambdatui.api.aws.logs import Logs
from lambdatui.api.ports import ApiSettings
from lambdatui.config.model import LoggingConfig
from lambdatui.store.records import LogStream
from tests.api.api_support import ACCOUNT, Running, project
from tests.api.model_check import watched_client

GROUP = "/aws/lambda/echo"
ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}"
DAY_MS = 86_400_000


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    given = project(tmp_path)
    first, *others = given.functions
    custom = msgspec.structs.replace(first, name="other", logical_id="Other", logging=LoggingConfig(group="/shop/all"))
    opened = Running(
        tmp_path / "data", msgspec.structs.replace(given, functions=(first, *others, custom)), {}, aws="none"
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("logs")
    opened = Running(root / "data", project(root), {}, aws="none")
    write(opened, "a ERROR", "b")
    yield opened
    opened.close()


@pytest.fixture
def logs(running: Running) -> Any:
    return watched_client("logs", running.url)[0]


def write(running: Running, *messages: str, stream: str = "s1", group: str = GROUP, at_ms: int | None = None) -> int:
    """Lines a millisecond apart, in milliseconds; the time of the first."""
    first_ms = running.engine.clock.now_us() // 1000 if at_ms is None else at_ms

    async def add() -> None:
        for n, message in enumerate(messages):
            level = "PLATFORM" if message.startswith(("START", '{"time"')) else "PRINT"
            running.engine.telemetry.log_lines(
                "echo", None, (first_ms + n) * 1000, [(level, message)], stream=LogStream(group, stream)
            )

    running.run(add())
    return first_ms


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"].rstrip("\n") for event in answer["events"]]


def test_functions_groups_are_there_before_their_first_line(logs: Any) -> None:
    groups = logs.describe_log_groups()["logGroups"]
    names = [group["logGroupName"] for group in groups]
    assert GROUP in names and "/shop/all" in names and names == sorted(names)
    (one,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert (one["arn"], one["logGroupArn"]) == (f"{ARN}:*", ARN)
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 1})
    assert [group["logGroupName"] for page in pages for group in page["logGroups"]] == names
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePattern="shop")["logGroups"]] == [
        "/shop/all"
    ]
    assert logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []
    assert logs.filter_log_events(logGroupName=GROUP)["events"] == []


def test_a_message_is_what_was_written_and_the_platforms_json_has_no_newline(running: Running, logs: Any) -> None:
    write(running, "START RequestId: x", "hi\rthere", '{"time":"t","type":"platform.report"}')
    events = logs.filter_log_events(logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == [
        "START RequestId: x\n",
        "hi\rthere\n",
        '{"time":"t","type":"platform.report"}',
    ]
    assert len({event["eventId"] for event in events}) == 3
    assert {len(event["eventId"]) for event in events} == {56}


def test_lines_of_ours_are_in_no_stream(running: Running, logs: Any) -> None:
    async def add() -> None:
        now = running.engine.clock.now_us()
        running.engine.telemetry.log_lines("echo", None, now, [("PLATFORM", "DLQ → dead after 3 attempts")])

    running.run(add())
    assert logs.filter_log_events(logGroupName=GROUP)["events"] == []


def test_a_filter_reads_all_streams_of_a_group_in_order_of_time(running: Running, logs: Any) -> None:
    first = write(running, "a ERROR", "b", "c ERROR", stream="s1", at_ms=1_700_000_000_000)
    write(running, "d ERROR", "e", stream="s2", at_ms=first)
    write(running, "f ERROR", stream="s1", group="/shop/all")

    def found(**narrowed: Any) -> str:
        answer = logs.filter_log_events(logGroupName=GROUP, **narrowed)
        return "".join(text[0] for text in messages(answer))

    assert found() == "adbec"
    assert found(startFromHead=False) == "cebda"
    assert found(filterPattern="ERROR") == "adc"
    assert found(logStreamNames=["s2"]) == "de"
    assert found(logStreamNames=["s2", "s1"], filterPattern="ERROR -d") == "ac"
    assert found(logStreamNamePrefix="s1") == "abc"
    assert found(startTime=first + 1) == "bec"
    assert found(startTime=first + 1, endTime=first + 1) == "be", "both ends are included"
    answer = logs.filter_log_events(logGroupIdentifier=ARN)
    assert [event["logStreamName"] for event in answer["events"]] == ["s1", "s2", "s1", "s2", "s1"]


def test_pages_of_a_filter_give_every_event_once(running: Running, logs: Any) -> None:
    dice = random.Random(4)
    texts = [f"{n} {'ERROR' if dice.random() < 0.3 else 'fine'}" for n in range(60)]
    write(running, *texts)
    for size in (1, 7, 60, 61):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=GROUP, filterPattern="ERROR", PaginationConfig={"PageSize": size}
        )
        assert [text for page in pages for text in messages(page)] == [text for text in texts if "ERROR" in text]


def test_a_page_is_one_megabyte_at_most(running: Running, logs: Any) -> None:
    write(running, *(f"{n}{'x' * 250_000}" for n in range(10)))
    answer = logs.filter_log_events(logGroupName=GROUP)
    assert [text[0] for text in messages(answer)] == ["0", "1", "2", "3"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    assert [text[0] for page in pages for text in messages(page)] == [str(n) for n in range(10)]


def test_streams_come_by_name_or_by_their_last_event(running: Running, logs: Any) -> None:
    first = write(running, "1", "2", stream="b")
    write(running, "3", stream="c", at_ms=first - 5000)
    write(running, "4", stream="a", at_ms=first - 1000)

    def names(**order: Any) -> str:
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, PaginationConfig={"PageSize": 1}, **order
        )
        return "".join(row["logStreamName"] for page in pages for row in page["logStreams"])

    assert names() == "abc"
    assert names(descending=True) == "cba"
    assert names(orderBy="LastEventTime") == "cab"
    assert names(orderBy="LastEventTime", descending=True) == "bac"
    assert names(logStreamNamePrefix="b") == "b"
    (row,) = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="b")["logStreams"]
    assert (row["firstEventTimestamp"], row["lastEventTimestamp"]) == (first, first + 1)
    assert row["arn"] == f"{ARN}:log-stream:b"


def test_one_streams_events_are_read_from_both_ends_and_tokens_repeat_at_the_end(running: Running, logs: Any) -> None:
    write(running, *"abcdefgh")
    write(running, "other", stream="s2")

    def get(**more: Any) -> tuple[str, str, str]:
        answer = logs.get_log_events(logGroupName=GROUP, logStreamName="s1", limit=3, **more)
        return "".join(messages(answer)), answer["nextForwardToken"], answer["nextBackwardToken"]

    texts, forward, backward = get()
    assert texts == "fgh"
    assert get(nextToken=backward)[0] == "cde"
    assert get(nextToken=get(nextToken=backward)[2])[0] == "ab"
    assert get(nextToken=forward) == ("", forward, get(nextToken=forward)[2])
    assert get(nextToken=get(nextToken=forward)[2])[0] == "fgh"
    write(running, "i", "j")
    assert get(nextToken=forward)[0] == "ij"
    texts, forward, backward = get(startFromHead=True)
    assert texts == "abc"
    empty = get(nextToken=backward)
    assert empty[0] == "" and empty[2] == backward
    assert get(nextToken=empty[1], startFromHead=True)[0] == "abc"
    assert get(nextToken=forward)[0] == "def"


def test_the_end_of_get_log_events_is_excluded(running: Running, logs: Any) -> None:
    first = write(running, *"abc")
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName="s1", startTime=first, endTime=first + 2)
    assert messages(answer) == ["a", "b"]


def test_retention_hides_what_is_older_and_lasts(running: Running, logs: Any) -> None:
    now = running.engine.clock.now_us() // 1000
    write(running, "old", at_ms=now - 4 * DAY_MS)
    write(running, "new")
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=3)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert group["retentionInDays"] == 3
    assert messages(logs.filter_log_events(logGroupName=GROUP)) == ["new"]
    logs.delete_retention_policy(logGroupName=GROUP)
    assert messages(logs.filter_log_events(logGroupName=GROUP)) == ["old", "new"]


def test_a_deleted_group_or_stream_has_no_events_until_the_next_line(running: Running, logs: Any) -> None:
    write(running, "a", stream="s1")
    write(running, "b", stream="s2")
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="s1")
    assert messages(logs.filter_log_events(logGroupName=GROUP)) == ["b"]
    logs.delete_log_group(logGroupName=GROUP)
    assert logs.filter_log_events(logGroupName=GROUP)["events"] == []
    write(running, "c", stream="s2")
    assert messages(logs.filter_log_events(logGroupName=GROUP)) == ["c"]
    assert [line.message for line in running.engine.reader.logs()] == ["a", "b", "c"], "our own views keep them"


def test_tags_are_kept(logs: Any) -> None:
    assert logs.list_tags_for_resource(resourceArn=ARN)["tags"] == {}
    logs.tag_resource(resourceArn=ARN, tags={"a": "1", "b": "2"})
    logs.tag_log_group(logGroupName=GROUP, tags={"c": "3"})
    logs.untag_resource(resourceArn=ARN, tagKeys=["a"])
    logs.untag_log_group(logGroupName=GROUP, tags=["b"])
    assert logs.list_tags_log_group(logGroupName=GROUP)["tags"] == {"c": "3"}


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda c: c.filter_log_events(logGroupName="/aws/lambda/no"), "ResourceNotFoundException",
         "The specified log group does not exist."),
        (lambda c: c.describe_log_streams(logGroupName="no"), "ResourceNotFoundException",
         "The specified log group does not exist."),
        (lambda c: c.get_log_events(logGroupName=GROUP, logStreamName="no"), "ResourceNotFoundException",
         "The specified log stream does not exist."),
        (lambda c: c.filter_log_events(logGroupName=GROUP, logStreamNames=["no"]), "ResourceNotFoundException",
         "The specified log stream does not exist."),
        (lambda c: c.filter_log_events(logGroupName=GROUP, filterPattern="a.b"), "InvalidParameterException",
         "Invalid character(s) in term 'a.b'"),
        (lambda c: c.filter_log_events(logGroupName=GROUP, limit=10_001), "InvalidParameterException",
         "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
         "Member must have value less than or equal to 10000"),
        (lambda c: c.filter_log_events(logGroupName=GROUP, nextToken="x"), "InvalidParameterException",
         "The specified nextToken is invalid."),
        (lambda c: c.get_log_events(logGroupName=GROUP, logStreamName="s1", nextToken="x"), "InvalidParameterException",
         "The specified nextToken is invalid."),
        (lambda c: c.filter_log_events(), "InvalidParameterException",
         "Either logGroupName or logGroupIdentifier must be specified."),
        (lambda c: c.put_retention_policy(logGroupName=GROUP, retentionInDays=2), "InvalidParameterException",
         "Member must satisfy enum value set"),
        (lambda c: c.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", logStreamNamePrefix="a"),
         "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix."),
        (lambda c: c.create_log_group(logGroupName=GROUP), "ResourceAlreadyExistsException",
         "The specified log group already exists"),
    ],
)  # fmt: skip
def test_errors_are_awss(shared: Running, call: Any, error: str, sentence: str) -> None:
    client, _ = watched_client("logs", shared.url, parameter_validation=False)
    write(shared, "a")
    with pytest.raises(ClientError) as caught:
        call(client)
    assert (caught.value.response["Error"]["Code"], sentence in caught.value.response["Error"]["Message"]) == (
        error,
        True,
    )


def test_other_groups_are_left_to_the_server_behind_aws(running: Running, tmp_path: Path) -> None:
    write(running, "of the other server", group="/shop/all")
    front = Running(tmp_path / "front", project(tmp_path), {}, aws=running.url)
    try:
        write(front, "our own")
        client = watched_client("logs", front.url)[0]
        assert messages(client.filter_log_events(logGroupName="/shop/all")) == ["of the other server"]
        assert messages(client.filter_log_events(logGroupName=GROUP)) == ["our own"]
        names = [group["logGroupName"] for group in client.describe_log_groups(logGroupNamePrefix="/shop")["logGroups"]]
        assert names == ["/shop/all"]
        assert "/shop/all" not in [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
        with pytest.raises(ClientError, match="The specified log group does not exist"):
            client.filter_log_events(logGroupName="/aws/lambda/nobody")
    finally:
        front.close()


def test_what_is_not_served_on_a_functions_group_is_refused_by_name(running: Running) -> None:
    client = boto3.client("logs", "us-east-1", endpoint_url=running.url, config=Config(retries={"max_attempts": 0}),
                          aws_access_key_id="k", aws_secret_access_key="s")  # fmt: skip
    with pytest.raises(ClientError, match="does not serve CreateLogStream on a function's log group") as caught:
        client.create_log_stream(logGroupName=GROUP, logStreamName="own")
    assert caught.value.response["Error"]["Code"] == "NotServed"


_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.text(max_size=5)),
    st.sampled_from([GROUP, ARN, "s1", "ERROR", "{ $.a = 1 }", f"f/{'0' * 56}/s", "LastEventTime"]),
)  # fmt: skip
_members = st.sampled_from(
    ["logGroupName", "logGroupIdentifier", "logStreamName", "logStreamNames", "logStreamNamePrefix", "startTime",
     "endTime", "limit", "nextToken", "filterPattern", "startFromHead", "orderBy", "descending", "resourceArn", "tags",
     "tagKeys", "retentionInDays", "logGroupNamePrefix", "logGroupNamePattern", "logGroupIdentifiers"]
)  # fmt: skip


@given(st.data(), st.dictionaries(_members, _values, max_size=6))
def test_any_request_gets_an_answer_or_a_modelled_error(
    shared: Running, data: st.DataObject, body: dict[str, Any]
) -> None:
    settings = ApiSettings(token="t", aws="none", on_stop=lambda _: None, info=lambda: shared.info)
    service = Logs(Door(shared.engine, shared.sources, settings))
    operation = data.draw(st.sampled_from(sorted(service.operations)))
    try:
        text = msgspec.json.encode(body)
    except (ValueError, msgspec.MsgspecError):
        return

    async def call() -> None:
        assert await service.owns(operation, text)
        assert isinstance(await service.call(operation, text), dict)

    try:
        shared.run(call())
    except AwsError as error:
        assert error.type in COMMON and error.message
