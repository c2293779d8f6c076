"""What SQS promises, with several boto3 clients at work at once on one engine."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lambdatui.api.app import ApiSettings, build_lambda_app
from lambdatui.api.asgi import Message
from tests.api.api_support import ACCOUNT, Running
from tests.api.model_check import watched_client

CLIENTS = 6


@pytest.fixture
def door(fresh: Callable[..., Running]) -> Running:
    return fresh()


@pytest.fixture
def sqs(door: Running) -> Any:
    return watched_client("sqs", door.url)[0]


def at_once(work: Callable[[int], None], clients: int = CLIENTS) -> None:
    """Run `work(number)` in so many threads; the first error of any of them."""
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work, number) for number in range(clients)]:
            done.result(60)


def until_empty(sqs: Any, url: str) -> Iterator[list[Any]]:
    """What one client receives, until the queue holds nothing any more."""
    while True:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5, AttributeNames=["All"]).get("Messages", [])
        if messages:
            yield messages
            continue
        counted = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        if all(value == "0" for value in counted.values()):
            return


def test_no_message_has_two_holders_and_none_is_lost(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    lock, held, done = threading.Lock(), set[str](), Counter[str]()
    sent: set[str] = set()

    def work(number: int) -> None:
        chance = random.Random(number)
        for turn in range(2):
            entries = [{"Id": str(n), "MessageBody": f"{number}-{turn}-{n}"} for n in range(10)]
            answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
            with lock:
                sent.update(entry["MessageId"] for entry in answer["Successful"])
        for messages in until_empty(sqs, url):
            with lock:
                twice = held & {message["MessageId"] for message in messages}
                assert not twice
                held.update(message["MessageId"] for message in messages)
            for message in messages:
                handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
                keep = chance.random() < 0.7
                with lock:
                    held.remove(message["MessageId"])
                    done[message["MessageId"]] += keep
                if keep:
                    sqs.delete_message(**handle)
                else:
                    sqs.change_message_visibility(**handle, VisibilityTimeout=0)

    at_once(work)
    assert len(sent) == CLIENTS * 20
    assert +done == Counter(sent), "each was done once"


def test_groups_keep_their_order_whoever_receives_and_fails(sqs: Any) -> None:
    url = sqs.create_queue(
        QueueName="lanes.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )["QueueUrl"]
    lock, numbers = threading.Lock(), dict[str, list[int]]()
    done: dict[str, list[int]] = defaultdict(list)
    busy: set[str] = set()

    def send(number: int) -> None:
        """One sender a group, so that the order of sending is known."""
        group = f"g{number}"
        answers = [
            sqs.send_message(QueueUrl=url, MessageBody=f"{group}:{turn}", MessageGroupId=group) for turn in range(15)
        ]
        numbers[group] = [int(answer["SequenceNumber"]) for answer in answers]

    def receive(number: int) -> None:
        chance = random.Random(number)
        for messages in until_empty(sqs, url):
            groups = {message["Attributes"]["MessageGroupId"] for message in messages}
            with lock:
                assert not groups & busy, "two have messages of one group"
                busy.update(groups)
            for group in groups:
                mine = [message for message in messages if message["Attributes"]["MessageGroupId"] == group]
                good = next((n for n in range(len(mine)) if chance.random() < 0.2), len(mine))
                for place, message in enumerate(mine):
                    if place == len(mine) - 1:  # what follows sets the group free
                        busy.discard(group)
                    handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
                    if place < good:
                        done[group].append(int(message["Body"].rpartition(":")[2]))
                        sqs.delete_message(**handle)
                    else:
                        sqs.change_message_visibility(**handle, VisibilityTimeout=0)

    at_once(send)
    at_once(receive)
    assert all(found == sorted(found) for found in numbers.values())
    assert done == {f"g{number}": list(range(15)) for number in range(CLIENTS)}


def test_changes_of_one_queue_by_all_at_once_are_all_kept(sqs: Any) -> None:
    def change(number: int) -> None:
        url = sqs.create_queue(QueueName="shared")["QueueUrl"]
        for turn in range(5):
            sqs.tag_queue(QueueUrl=url, Tags={f"{number}-{turn}": "x"})
        sqs.add_permission(QueueUrl=url, Label=f"by-{number}", AWSAccountIds=["1"], Actions=["SendMessage"])

    at_once(change)
    assert len(sqs.list_queue_tags(QueueUrl="shared")["Tags"]) == CLIENTS * 5
    policy = sqs.get_queue_attributes(QueueUrl="shared", AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert len(json.loads(policy)["Statement"]) == CLIENTS


def test_what_is_sent_by_all_at_once_is_taken_once(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="once.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    given: dict[str, set[str]] = defaultdict(set)

    def send(number: int) -> None:
        for turn in random.Random(number).sample(range(20), 20):
            answer = sqs.send_message(
                QueueUrl=url, MessageBody=f"{turn}", MessageGroupId="g", MessageDeduplicationId=f"id-{turn}"
            )
            given[f"{turn}"].add(answer["MessageId"])

    at_once(send)
    assert all(len(ids) == 1 for ids in given.values())
    bodies = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(bodies, key=int) == [f"{turn}" for turn in range(20)]


def test_everything_that_always_fails_ends_in_the_dead_letter_queue(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead", "maxReceiveCount": 3}
    url = sqs.create_queue(QueueName="poison", Attributes={"RedrivePolicy": json.dumps(policy)})["QueueUrl"]
    for turn in range(5):
        entries = [{"Id": str(n), "MessageBody": f"{turn}-{n}"} for n in range(10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    received: Counter[str] = Counter()
    lock = threading.Lock()

    def fail(number: int) -> None:
        for messages in until_empty(sqs, url):
            with lock:
                received.update(message["MessageId"] for message in messages)
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                for n, message in enumerate(messages)
            ]
            assert "Failed" not in sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    at_once(fail)
    assert set(received.values()) == {3}
    letters: set[str] = set()
    while messages := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages"):
        letters.update(message["MessageId"] for message in messages)
    assert letters == received.keys()
    assert len(letters) == 50


JSON_POLL = (
    [(b"x-amz-target", b"AmazonSQS.ReceiveMessage"), (b"content-type", b"application/x-amz-json-1.0")],
    b'{"QueueUrl": "http://127.0.0.1/1/work", "WaitTimeSeconds": 20}',
)
FORM_POLL = (
    [(b"content-type", b"application/x-www-form-urlencoded")],
    b"Action=ReceiveMessage&QueueUrl=http%3A%2F%2F127.0.0.1%2F1%2Fwork&WaitTimeSeconds=20",
)


@pytest.mark.parametrize(("headers", "body"), [JSON_POLL, FORM_POLL], ids=["json", "form"])
def test_a_long_poll_ends_with_its_caller(door: Running, sqs: Any, headers: Any, body: bytes) -> None:
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    scope = {
        "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "http",
        "headers": [
            (b"host", b"127.0.0.1"), (b"authorization", b"AWS4-HMAC-SHA256 Credential=k/20260101/r/sqs/aws4_request"),
            *headers,
        ],
    }  # fmt: skip

    async def poll_and_hang_up() -> list[Message]:
        answers: list[Message] = []
        waiting = asyncio.Event()
        bodies = iter([body])

        async def receive() -> Message:
            for piece in bodies:
                return {"type": "http.request", "body": piece, "more_body": False}
            waiting.set()  # whoever asks again learns when the caller has gone
            await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answers.append(message)

        settings = ApiSettings(token="", on_stop=lambda _: None, info=lambda: door.info)
        poll = asyncio.create_task(build_lambda_app(door.engine, door.sources, settings)(scope, receive, send))
        await asyncio.wait_for(waiting.wait(), 60)
        await asyncio.wait_for(poll, 60)
        return answers

    assert door.run(poll_and_hang_up()) == []
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_a_long_poll_is_answered_when_the_engine_stops(
    door: Running, sqs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    looked, look = threading.Event(), door.store.queues.receive

    async def receive(*of: Any) -> Any:
        found = await look(*of)
        looked.set()
        return found

    monkeypatch.setattr(door.store.queues, "receive", receive)
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        assert looked.wait(60)
        door.engine.stopping = True
        door.run(door.servers[0].close(0.5))
        assert "Messages" not in poll.result(60)
