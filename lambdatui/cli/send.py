"""send, queues, peek: what waits to make functions run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import FAINT, ago, out, print_json, say, shown, table
from lambdatui.cli.payload import is_json, read_payload
from lambdatui.cli.project import Place, json_option, place_options
from lambdatui.errors import UsageError

if TYPE_CHECKING:
    from lambdatui.client.client import OutgoingMessage
    from lambdatui.schema import QueueRow, StreamRow

# Messages and characters in one call of the control API, which takes 16 MB.
CHUNK = 500
CHUNK_CHARACTERS = 2_000_000


@click.command()
@click.argument("source")
@click.argument("message", metavar="[FILE|-|JSON]", required=False)
@click.option("--group-id", metavar="ID", help="Message group of a FIFO queue.")
@click.option("--dedup-id", metavar="ID", help="Deduplication id of a FIFO queue.")
@click.option("--partition-key", metavar="KEY", help="Partition key of a stream's record.")
@click.option("--attributes", metavar="JSON", help='Message attributes: {"name": "value"}.')
@click.option("--lines", is_flag=True, help="Each input line is one message.")
@json_option
@place_options
def send_command(
    source: str,
    message: str | None,
    group_id: str | None,
    dedup_id: str | None,
    partition_key: str | None,
    attributes: str | None,
    lines: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Put a message or record on a queue, stream or topic, named by logical id, name or ARN. Prints its id.

    A final newline of the input is not part of the message.

    \b
    Example:
      lambdatui send orders '{"id": 7}'
      jq -c '.[]' clicks.json | lambdatui send clicks - --lines --partition-key u1
    """
    from lambdatui.client.client import OutgoingMessage

    found = message_attributes(attributes)
    bodies = read_bodies(message, lines)
    client = place.client("send")
    messages = [OutgoingMessage(body=body, attributes=found, group_id=group_id, dedup_id=dedup_id) for body in bodies]
    ids: list[str] = []
    for chunk in chunks(messages):
        ids += client.send(source, chunk, partition_key=partition_key)
    if as_json:
        print_json({"ids": ids})
    else:
        for sent in ids:
            out(sent)
    return 0


def chunks(messages: list[OutgoingMessage]) -> Iterator[list[OutgoingMessage]]:
    """The messages in calls of bearable size, in order."""
    chunk: list[OutgoingMessage] = []
    size = 0
    for message in messages:
        if chunk and (len(chunk) >= CHUNK or size + len(message.body) > CHUNK_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += len(message.body)
    if chunk:
        yield chunk


def read_bodies(message: str | None, lines: bool) -> list[str]:
    """The texts to send. UsageError where there are none or they are no UTF-8."""
    if message is None:
        if sys.stdin.isatty():
            raise UsageError("there is nothing to send; give JSON, a file's name, or - for stdin")
        message = "-"
    try:
        text = read_payload(message, "the message", stdin="- and any text on stdin").decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"the message is no UTF-8 text ({error.reason} at byte {error.start})") from error
    if not lines:
        if not (body := text.removesuffix("\n").removesuffix("\r")):
            raise UsageError("there is nothing to send: the input is empty")
        return [body]
    bodies = [line.removesuffix("\r") for line in text.split("\n") if line.strip()]
    if not bodies:
        raise UsageError("there is nothing to send: the input has no lines")
    return bodies


def message_attributes(text: str | None) -> dict[str, dict[str, str]]:
    """SQS's form of {"name": "value"}: numbers become Number, strings String; SQS's own form passes."""
    import json

    if text is None:
        return {}
    value = json.loads(text) if is_json(text) else None
    if not isinstance(value, dict):
        raise UsageError(f'--attributes {text!r} is no JSON object; write {{"name": "value"}}')
    return {name: _attribute(name, item) for name, item in value.items()}


def _attribute(name: str, value: Any) -> dict[str, str]:
    if isinstance(value, dict) and {"DataType", "StringValue"} == value.keys():
        return {key: str(text) for key, text in value.items()}
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"DataType": "Number", "StringValue": str(value)}
    raise UsageError(f"--attributes: the value of {name!r} must be a string or a number")


@click.command()
@json_option
@place_options
def queues_command(as_json: bool, place: Place) -> int:
    """Show the depth of every queue and the state of every stream.

    \b
    Example:
      lambdatui queues
    """
    with place.reading() as reading:
        found = reading.sources()
    rows = [*found.queues, *found.streams]
    if as_json:
        print_json(rows)
        return 0
    if not rows:
        say("no queues or streams; a template or lambdatui.toml declares them")
        return 0
    if found.queues:
        titles = ("QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED", "OLDEST", "FOR")
        table(titles, map(_queue_cells, found.queues), right=titles[1:5], style=_style)
    if found.queues and found.streams:
        out()
    if found.streams:
        titles = ("STREAM", "SHARD", "BACKLOG", "AGE", "STATE", "FOR")
        cells = [row for stream in found.streams for row in _shard_cells(stream)]
        table(titles, cells, right=titles[2:4], style=_style)
    return 0


def _queue_cells(row: QueueRow) -> list[object]:
    oldest = None if row.oldest_s is None else f"{row.oldest_s:.0f}s"
    purpose = row.consumer or ("dead letters" if row.dlq else None)
    if row.paused:
        purpose = f"{purpose} (paused)"
    return [row.name, row.visible, row.in_flight, row.delayed, oldest, purpose]


def _shard_cells(row: StreamRow) -> list[list[object]]:
    found: list[list[object]] = []
    for shard in row.shards:
        age = None if shard.iterator_age_ms is None else f"{shard.iterator_age_ms / 1000:.1f}s"
        calm = "paused" if row.paused else "closed" if shard.closed else "ok"
        state = f"blocked, {shard.attempts} tries" if shard.blocked else calm
        found.append([row.name, shard.id.removeprefix("shardId-").lstrip("0") or "0", shard.backlog, age])
        found[-1] += [state, row.consumer]
    return found or [[row.name, None, None, None, None, row.consumer]]


def _style(column: int, row: Sequence[str]) -> dict[str, Any]:
    if row[column] in (FAINT, "0") and column:
        return {"dim": True}
    return {"fg": "red"} if row[column].startswith("blocked") else {}


@click.command()
@click.argument("queue")
@click.option("-n", "limit", type=click.IntRange(1), metavar="N", help="At most N; default 100 in a table.")
@json_option
@place_options
def peek_command(queue: str, limit: int | None, as_json: bool, place: Place) -> int:
    """Show what a queue or stream holds, without receiving it.

    \b
    Example:
      lambdatui peek orders -n 5
    """
    with place.reading() as reading:
        messages = reading.peek(queue, limit or (1_000_000 if as_json else 100))
    if as_json:
        print_json(messages)
    elif not messages:
        say(f"{queue} is empty; `lambdatui send {queue} JSON` puts a message in")
    else:
        rows = [(m.id, ago(m.sent_at), m.receive_count, m.state, shown(m.body)) for m in messages]
        table(("ID", "AGE", "RECV", "STATE", "BODY"), rows, right=("AGE", "RECV"), style=_style)
    return 0
