"""A stream, its consumer and a kill, with real processes and the real boto3."""

from __future__ import annotations

import itertools
import json
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.host.conftest import StartProcess, wait_for

CONSUMER = """
import base64, os

def handler(event, context):
    lines = []
    for record in event["Records"]:
        kinesis = record["kinesis"]
        lines.append(f"{kinesis['partitionKey']} {base64.b64decode(kinesis['data']).decode()}\\n")
    with open(os.environ["SEEN"], "a") as file:
        file.write("".join(lines))
"""


def seen(file: Path) -> dict[str, list[int]]:
    """Numbers by key, in the order in which they were seen first: a batch that was cut off by a kill comes again."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for line in file.read_text().splitlines() if file.exists() else ():
        key, number = line.split()
        found[key][int(number)] = None
    return defaultdict(list, {key: list(numbers) for key, numbers in found.items()})


def total(file: Path) -> int:
    return sum(len(numbers) for numbers in seen(file).values())


def test_records_survive_a_kill_amid_splits_and_reach_the_function_in_each_keys_order(
    tmp_path: Path, start_process: StartProcess
) -> None:
    folder, file = tmp_path / "p", tmp_path / "seen.txt"
    folder.mkdir()
    (folder / "consumer.py").write_text(CONSUMER)
    (folder / "lambdatui.toml").write_text(
        "[functions.consumer]\nhandler='consumer.handler'\n"
        f"environment={{SEEN={json.dumps(str(file))}}}\n"
        "[[functions.consumer.events]]\ntype='stream'\nstream='clicks'\nstarting_position='TRIM_HORIZON'\n"
        "[streams.clicks]\nshards=2\n"
    )
    engine = start_process(folder)
    client: Any = engine.client("kinesis")
    killed = threading.Event()

    def write(key: str) -> int:
        """How many records were acknowledged before the kill."""
        for number in itertools.count():
            try:
                client.put_record(StreamName="clicks", Data=str(number).encode(), PartitionKey=key)
            except (BotoCoreError, ClientError):
                assert killed.is_set()
                return number
        raise AssertionError

    keys = [f"key-{number}" for number in range(4)]
    with ThreadPoolExecutor(len(keys)) as pool:
        writers = {key: pool.submit(write, key) for key in keys}
        try:
            for target in (3, 5, 3, 2, 4, 2, 3):
                client.update_shard_count(StreamName="clicks", TargetShardCount=target, ScalingType="UNIFORM_SCALING")
                before = total(file)
                wait_for(lambda least=before + 20: total(file) >= least)
        finally:  # the writers, too, end with the engine
            killed.set()
            engine.kill()
        accepted = {key: writer.result() for key, writer in writers.items()}
    assert min(accepted.values()) > 5
    start_process(folder)
    wait_for(lambda: all(len(now[key]) >= count for now in (seen(file),) for key, count in accepted.items()))
    last = seen(file)
    for key, count in accepted.items():
        numbers = last[key]
        assert numbers == list(range(len(numbers))), "nothing is skipped, and a key's order holds"
        assert count <= len(numbers) <= count + 1, "at most the record whose answer the kill cut off is more"
