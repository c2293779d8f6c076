"""Kinesis on the real store, asked by the real boto3; each raw answer is held against botocore's model."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.kinesis import Kinesis
from lambdatui.api.ports import ApiSettings
from lambdatui.clock import MICROS, ManualClock
from lambdatui.config.model import Project, StreamConfig
from lambdatui.store.shards import HASH_SPACE
from tests.api.api_support import ACCOUNT, Running, project
from tests.api.model_check import ModelCheck
from tests.api.test_lambda_api import error_of

HALF = str(HASH_SPACE // 2)
ARN = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/"
KEY = "alias/aws/kinesis"


def streams(root: Path, *configs: StreamConfig) -> Project:
    declared = configs or (StreamConfig(name="clicks", logical_id="Clicks", shards=2),)
    return msgspec.structs.replace(project(root), streams=declared)


# Its loader keeps the service model, which takes a tenth of a second to read.
SESSION = boto3.Session("key", "secret", region_name="us-east-1")


def boto(running: Running) -> Any:
    config = Config(retries={"max_attempts": 0}, max_pool_connections=16)
    return SESSION.client("kinesis", endpoint_url=running.url, config=config)


@pytest.fixture
def kinesis(door: Running) -> Iterator[Any]:
    """A client of the shared door, whose declared stream `clicks` has two shards; what it makes is removed."""
    client = boto(door)
    ModelCheck(client)
    yield client
    for name in client.list_streams()["StreamNames"]:
        if name != "clicks":
            client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    client.close()


def made(kinesis: Any, name: str = "own", shards: int = 1) -> str:
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    return name


def put(kinesis: Any, stream: str, *texts: str, key: str = "k") -> list[str]:
    records = [{"Data": text.encode(), "PartitionKey": key} for text in texts]
    return [record["SequenceNumber"] for record in kinesis.put_records(StreamName=stream, Records=records)["Records"]]


def read(kinesis: Any, stream: str, shard: str = "shardId-000000000000", **place: Any) -> list[str]:
    place = place or {"ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **place)["ShardIterator"]
    return [record["Data"].decode() for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


def open_ids(kinesis: Any, stream: str) -> list[str]:
    shards = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    return [shard["ShardId"] for shard in shards]


def walk(kinesis: Any, stream: str, stop: Callable[[], bool] = lambda: True, limit: int = 7) -> list[tuple[str, bytes]]:
    """What a consumer gets that reads each shard to its end and then its children: (partition key, data). It ends when
    it has read everything after `stop` said so."""
    shards = {shard["ShardId"]: shard for shard in kinesis.list_shards(StreamName=stream)["Shards"]}
    iterators: dict[str, str] = {}
    ended: set[str] = set()
    found: list[tuple[str, bytes]] = []

    def begin(id: str) -> None:
        if id not in iterators and id not in ended:
            place = {"ShardId": id, "ShardIteratorType": "TRIM_HORIZON"}
            iterators[id] = kinesis.get_shard_iterator(StreamName=stream, **place)["ShardIterator"]

    for id, shard in shards.items():
        if shard.get("ParentShardId") not in shards:
            begin(id)
    while True:
        last = stop()
        seen = len(found)
        for id, iterator in list(iterators.items()):
            answer = kinesis.get_records(ShardIterator=iterator, Limit=limit)
            found += [(record["PartitionKey"], record["Data"]) for record in answer["Records"]]
            if "NextShardIterator" in answer:
                iterators[id] = answer["NextShardIterator"]
                continue
            del iterators[id]
            ended.add(id)
            for child in answer["ChildShards"]:
                if set(child["ParentShards"]) <= ended:
                    begin(child["ShardId"])
                    last = False
        if last and len(found) == seen:
            return found


# records and iterators


def test_records_keep_their_order_and_their_shard(kinesis: Any) -> None:
    stream = made(kinesis, shards=3)
    puts = [kinesis.put_record(StreamName=stream, Data=b"\x00%d" % n, PartitionKey="same") for n in range(3)]
    assert len({put["ShardId"] for put in puts}) == 1
    sequence = [put["SequenceNumber"] for put in puts]
    assert sequence == sorted(sequence)
    assert {len(number) for number in sequence} == {56}
    assert read(kinesis, stream, puts[0]["ShardId"]) == ["\x000", "\x001", "\x002"]


def test_an_explicit_hash_key_chooses_the_listed_shard(kinesis: Any) -> None:
    shards = kinesis.list_shards(StreamARN=ARN + "clicks")["Shards"]
    assert len(shards) == 2
    answer = kinesis.put_records(
        StreamName="clicks",
        Records=[
            {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": shard["HashKeyRange"][end]}
            for shard in shards
            for end in ("StartingHashKey", "EndingHashKey")
        ],
    )
    assert answer["FailedRecordCount"] == 0
    assert [record["ShardId"] for record in answer["Records"]] == [s["ShardId"] for s in shards for _ in range(2)]


def test_an_iterator_of_each_kind_begins_where_it_says(kinesis: Any) -> None:
    stream = made(kinesis)
    first, second = put(kinesis, stream, "a", "b")
    time.sleep(0.002)
    between = time.time()
    time.sleep(0.002)
    put(kinesis, stream, "c")
    shard = {"StreamName": stream, "ShardId": "shardId-000000000000"}
    latest = kinesis.get_shard_iterator(**shard, ShardIteratorType="LATEST")["ShardIterator"]
    assert read(kinesis, stream) == ["a", "b", "c"]
    at = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": second}
    after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": first}
    assert read(kinesis, stream, **at) == read(kinesis, stream, **after) == ["b", "c"]
    begin = kinesis.list_shards(StreamName=stream)["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert read(kinesis, stream, **(at | {"StartingSequenceNumber": begin})) == ["a", "b", "c"]
    since = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": datetime.fromtimestamp(between, UTC)}
    assert read(kinesis, stream, **since) == ["c"]
    assert read(kinesis, stream, **(since | {"Timestamp": datetime(2001, 1, 1, tzinfo=UTC)})) == ["a", "b", "c"]
    put(kinesis, stream, "d")
    answer = kinesis.get_records(ShardIterator=latest)
    assert [record["Data"] for record in answer["Records"]] == [b"d"]
    assert answer["MillisBehindLatest"] == 0


def test_a_read_goes_on_where_the_last_ended_and_says_how_far_it_is_behind(kinesis: Any) -> None:
    stream = made(kinesis)
    put(kinesis, stream, *"abcde")
    time.sleep(0.005)
    place = {"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    one = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**place)["ShardIterator"], Limit=3)
    two = kinesis.get_records(ShardIterator=one["NextShardIterator"], Limit=3)
    three = kinesis.get_records(ShardIterator=two["NextShardIterator"])
    assert [[record["Data"] for record in each["Records"]] for each in (one, two, three)] == [
        [b"a", b"b", b"c"],
        [b"d", b"e"],
        [],
    ]
    assert one["MillisBehindLatest"] >= 5
    assert two["MillisBehindLatest"] == three["MillisBehindLatest"] == 0


def test_a_read_holds_ten_megabytes_at_most(kinesis: Any) -> None:
    stream = made(kinesis)
    for _ in range(12):
        kinesis.put_record(StreamName=stream, Data=bytes(1_000_000), PartitionKey="k")
    place = {"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    one = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**place)["ShardIterator"])
    assert len(one["Records"]) == 10
    assert len(kinesis.get_records(ShardIterator=one["NextShardIterator"])["Records"]) == 2


def test_an_iterator_lives_five_minutes(kinesis: Any, door: Running) -> None:
    stream = made(kinesis)
    place = {"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(**place)["ShardIterator"]
    real = door.engine.clock
    try:
        door.engine.clock = ManualClock(real.now_us() + 299 * MICROS)  # type: ignore[assignment]
        assert kinesis.get_records(ShardIterator=iterator)["Records"] == []
        door.engine.clock = ManualClock(real.now_us() + 301 * MICROS)  # type: ignore[assignment]
        with pytest.raises(kinesis.exceptions.ExpiredIteratorException, match="Iterator expired"):
            kinesis.get_records(ShardIterator=iterator)
    finally:
        door.engine.clock = real


def test_a_dry_run_only_checks(kinesis: Any) -> None:
    stream = made(kinesis)
    record = {"Data": b"x", "PartitionKey": "k"}
    place = {"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(**place)["ShardIterator"]
    for call, members in (
        (kinesis.put_record, {"StreamName": stream, **record}),
        (kinesis.put_records, {"StreamName": stream, "Records": [record]}),
        (kinesis.get_shard_iterator, place),
        (kinesis.get_records, {"ShardIterator": iterator}),
    ):
        assert error_of(call, DryRun=True, **members)[0] == "DryRunOperationException"
    assert read(kinesis, stream) == []


def test_a_record_has_its_limits(kinesis: Any) -> None:
    stream = made(kinesis)
    assert kinesis.put_record(StreamName=stream, Data=bytes(1_048_575), PartitionKey="k")
    assert error_of(kinesis.put_record, StreamName=stream, Data=bytes(1_048_576), PartitionKey="k")[0] == INVALID
    kinesis.update_max_record_size(StreamARN=ARN + stream, MaxRecordSizeInKiB=2048)
    assert kinesis.put_record(StreamName=stream, Data=bytes(1_048_576), PartitionKey="k")
    many = [{"Data": bytes(1_800_000), "PartitionKey": "k"}] * 6
    assert error_of(kinesis.put_records, StreamName=stream, Records=many)[0] == INVALID
    assert (
        error_of(kinesis.put_records, StreamName=stream, Records=[{"Data": b"", "PartitionKey": "k"}] * 501)[0]
        == INVALID
    )
    assert len(read(kinesis, stream)) == 2


# shards


def test_a_split_shard_is_read_to_its_end_and_names_its_children(kinesis: Any) -> None:
    stream = made(kinesis)
    before = put(kinesis, stream, "a", "b")
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    after = put(kinesis, stream, "c", "d")
    parent, low, high = kinesis.list_shards(StreamName=stream)["Shards"]
    assert low["ParentShardId"] == high["ParentShardId"] == parent["ShardId"]
    assert (low["HashKeyRange"]["EndingHashKey"], high["HashKeyRange"]["StartingHashKey"]) == (
        str(HASH_SPACE // 2 - 1),
        HALF,
    )
    end = parent["SequenceNumberRange"]["EndingSequenceNumber"]
    assert before[-1] < end < low["SequenceNumberRange"]["StartingSequenceNumber"] < after[0]
    place = {"StreamName": stream, "ShardId": parent["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    answer = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**place)["ShardIterator"])
    assert [record["Data"] for record in answer["Records"]] == [b"a", b"b"]
    assert "NextShardIterator" not in answer
    assert [child["ShardId"] for child in answer["ChildShards"]] == [low["ShardId"], high["ShardId"]]
    assert answer["ChildShards"][0]["ParentShards"] == [parent["ShardId"]]
    assert [data for _, data in walk(kinesis, stream)] == [b"a", b"b", b"c", b"d"]


def test_merged_shards_have_one_child(kinesis: Any) -> None:
    stream = made(kinesis, shards=2)
    one, two = open_ids(kinesis, stream)
    kinesis.merge_shards(StreamName=stream, ShardToMerge=two, AdjacentShardToMerge=one)
    child = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"][0]
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (two, one)
    assert child["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(HASH_SPACE - 1)}
    put(kinesis, stream, "a")
    assert read(kinesis, stream, child["ShardId"]) == ["a"]


def test_what_cannot_be_split_or_merged_is_refused(kinesis: Any) -> None:
    stream = made(kinesis, shards=3)
    one, two, three = open_ids(kinesis, stream)
    wrong: list[tuple[Callable[..., Any], dict[str, str], str]] = [
        (kinesis.split_shard, {"ShardToSplit": one, "NewStartingHashKey": "0"}, INVALID),
        (kinesis.split_shard, {"ShardToSplit": one, "NewStartingHashKey": str(HASH_SPACE - 1)}, INVALID),
        (kinesis.split_shard, {"ShardToSplit": one, "NewStartingHashKey": "many"}, INVALID),
        (kinesis.split_shard, {"ShardToSplit": "shardId-9", "NewStartingHashKey": "5"}, MISSING),
        (kinesis.merge_shards, {"ShardToMerge": one, "AdjacentShardToMerge": three}, INVALID),
        (kinesis.merge_shards, {"ShardToMerge": one, "AdjacentShardToMerge": "shardId-9"}, MISSING),
    ]
    for call, members, code in wrong:
        assert error_of(call, StreamName=stream, **members)[0] == code, members
    kinesis.merge_shards(StreamName=stream, ShardToMerge=one, AdjacentShardToMerge=two)
    again = {"ShardToSplit": one, "NewStartingHashKey": "5"}
    assert "closed" in error_of(kinesis.split_shard, StreamName=stream, **again)[1]
    assert len(kinesis.list_shards(StreamName=stream)["Shards"]) == 4


def test_scaling_makes_even_shards_within_its_limits(kinesis: Any) -> None:
    stream = made(kinesis, shards=2)
    scale = {"StreamName": stream, "ScalingType": "UNIFORM_SCALING"}
    answer = kinesis.update_shard_count(TargetShardCount=3, **scale)
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (2, 3)
    shards = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    starts = sorted(int(shard["HashKeyRange"]["StartingHashKey"]) for shard in shards)
    assert starts == [0, HASH_SPACE // 3 + 1, 2 * HASH_SPACE // 3 + 1]
    assert "double" in error_of(kinesis.update_shard_count, TargetShardCount=7, **scale)[1]
    assert "half" in error_of(kinesis.update_shard_count, TargetShardCount=1, **scale)[1]


def test_shards_are_listed_by_pages_and_filters(kinesis: Any) -> None:
    stream = made(kinesis, shards=5)
    first = kinesis.list_shards(StreamName=stream, MaxResults=2)
    second = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=2)
    third = kinesis.list_shards(NextToken=second["NextToken"], MaxResults=2)
    ids = [shard["ShardId"] for page in (first, second, third) for shard in page["Shards"]]
    assert ids == [f"shardId-{number:012d}" for number in range(5)]
    assert "NextToken" not in third
    after = kinesis.list_shards(StreamName=stream, ExclusiveStartShardId=ids[3])["Shards"]
    chosen = kinesis.list_shards(StreamName=stream, ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": ids[3]})
    assert [shard["ShardId"] for shard in after] == [shard["ShardId"] for shard in chosen["Shards"]] == ids[4:]
    both = {"StreamName": stream, "NextToken": first["NextToken"]}
    assert error_of(kinesis.list_shards, **both)[0] == INVALID
    described = kinesis.describe_stream(StreamName=stream, Limit=4)["StreamDescription"]
    assert (len(described["Shards"]), described["HasMoreShards"]) == (4, True)
    pages = kinesis.get_paginator("describe_stream").paginate(StreamName=stream, PaginationConfig={"PageSize": 2})
    assert [s["ShardId"] for page in pages for s in page["StreamDescription"]["Shards"]] == ids


def test_concurrent_writers_and_splits_lose_nothing_and_keep_each_keys_order(kinesis: Any) -> None:
    stream = made(kinesis, shards=2)
    keys, count = [f"key-{number}" for number in range(6)], 30
    done = threading.Event()

    def write(key: str) -> None:
        for number in range(count):
            kinesis.put_record(StreamName=stream, Data=str(number).encode(), PartitionKey=key)

    def reshape() -> None:
        for target in (3, 5, 3, 2, 4):
            kinesis.update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
            time.sleep(0.03)

    with ThreadPoolExecutor(len(keys) + 3) as pool:
        readers = [pool.submit(walk, kinesis, stream, done.is_set) for _ in range(2)]
        writers = [pool.submit(write, key) for key in keys] + [pool.submit(reshape)]
        for writer in writers:
            writer.result()
        done.set()
        for reader in readers:
            by_key: dict[str, list[int]] = defaultdict(list)
            for key, data in reader.result():
                by_key[key].append(int(data))
            assert by_key == {key: list(range(count)) for key in keys}


# streams


def test_every_operation_answers_as_its_model_says(door: Running) -> None:
    kinesis = boto(door)
    check = ModelCheck(kinesis)
    name, arn, shard = "whole", ARN + "whole", "shardId-000000000000"
    kinesis.create_stream(StreamName=name, ShardCount=1, Tags={"team": "shop"})
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    kinesis.list_streams()
    kinesis.describe_limits()
    kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": "k"}])
    place = {"StreamARN": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(**place)["ShardIterator"]
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=KEY)
    assert kinesis.get_records(ShardIterator=iterator)["Records"][0]["EncryptionType"] == "KMS"
    kinesis.split_shard(StreamName=name, ShardToSplit=shard, NewStartingHashKey=HALF)
    low, high = open_ids(kinesis, name)
    kinesis.merge_shards(StreamName=name, ShardToMerge=low, AdjacentShardToMerge=high)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    assert kinesis.get_records(ShardIterator=iterator)["ChildShards"]
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=36)
    kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["IncomingBytes"])
    kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    kinesis.add_tags_to_stream(StreamName=name, Tags={"a": "1"})
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["team"])
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "a", "Value": "1"}]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="fan")["Consumer"]["ConsumerARN"]
    kinesis.tag_resource(ResourceARN=consumer, Tags={"c": "3"})
    assert kinesis.list_tags_for_resource(ResourceARN=consumer)["Tags"] == [{"Key": "c", "Value": "3"}]
    kinesis.untag_resource(ResourceARN=consumer, TagKeys=["c"])
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]
    assert (described["ConsumerName"], described["StreamARN"]) == ("fan", arn)
    assert [each["ConsumerARN"] for each in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]] == [consumer]
    assert kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["ConsumerCount"] == 1
    assert error_of(kinesis.delete_stream, StreamName=name)[0] == "ResourceInUseException"
    kinesis.deregister_stream_consumer(StreamARN=arn, ConsumerName="fan")
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert (described["RetentionPeriodHours"], described["EncryptionType"], described["KeyId"]) == (36, "KMS", KEY)
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId=KEY)
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    scale = {"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}
    assert error_of(kinesis.update_shard_count, StreamName=name, **scale)[0] == "ValidationException"
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)
    settings = ApiSettings(token="", on_stop=lambda _: None, info=lambda: None)  # type: ignore[arg-type,return-value]
    assert check.answered == set(Kinesis(Door(door.engine, door.sources, settings)).operations)


def test_streams_are_listed_by_pages(kinesis: Any) -> None:
    for number in range(3):
        made(kinesis, f"own-{number}")
    first = kinesis.list_streams(Limit=2)
    assert (first["StreamNames"], first["HasMoreStreams"]) == (["clicks", "own-0"], True)
    assert kinesis.list_streams(NextToken=first["NextToken"])["StreamNames"] == ["own-1", "own-2"]
    assert kinesis.list_streams(ExclusiveStartStreamName="own-1")["StreamNames"] == ["own-2"]


def test_a_stream_made_by_api_and_its_settings_outlive_the_engine(tmp_path: Path) -> None:
    running = Running(tmp_path / ".lambdatui", streams(tmp_path), {})
    kinesis = boto(running)
    made(kinesis, shards=2)
    numbers = put(kinesis, "own", "a", "b")
    kinesis.split_shard(StreamName="own", ShardToSplit="shardId-000000000001", NewStartingHashKey=str(HASH_SPACE - 9))
    kinesis.add_tags_to_stream(StreamName="own", Tags={"a": "1"})
    consumer = kinesis.register_stream_consumer(StreamARN=ARN + "own", ConsumerName="fan")["Consumer"]
    kinesis.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=48)
    before = kinesis.list_shards(StreamName="own")["Shards"]
    running.close()
    running = Running(tmp_path / ".lambdatui", streams(tmp_path), {})
    kinesis = boto(running)
    try:
        assert kinesis.list_shards(StreamName="own")["Shards"] == before
        assert kinesis.list_tags_for_stream(StreamName="own")["Tags"] == [{"Key": "a", "Value": "1"}]
        assert kinesis.list_stream_consumers(StreamARN=ARN + "own")["Consumers"] == [consumer]
        summary = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
        assert summary["RetentionPeriodHours"] == 48
        assert [data for _, data in walk(kinesis, "own")] == [b"a", b"b"]
        assert put(kinesis, "own", "c")[0] > numbers[-1]
    finally:
        running.close()


def test_a_deleted_stream_that_is_made_again_is_empty_and_its_numbers_rise(kinesis: Any) -> None:
    made(kinesis, shards=2)
    (old,) = put(kinesis, "own", "a")
    kinesis.delete_stream(StreamName="own")
    assert error_of(kinesis.describe_stream, StreamName="own")[0] == MISSING
    made(kinesis)
    assert walk(kinesis, "own") == []
    assert put(kinesis, "own", "b")[0] > old


def test_what_a_file_says_anew_wins_over_a_call(tmp_path: Path) -> None:
    def running(shards: int, hours: int) -> Running:
        config = StreamConfig(name="clicks", logical_id="Clicks", shards=shards, retention_hours=hours)
        return Running(tmp_path / ".lambdatui", streams(tmp_path, config), {})

    def summary(door: Running) -> tuple[int, int]:
        said = boto(door).describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
        return said["OpenShardCount"], said["RetentionPeriodHours"]

    first = running(1, 24)
    kinesis = boto(first)
    put(kinesis, "clicks", "a", "b")
    kinesis.update_shard_count(StreamName="clicks", TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    kinesis.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=72)
    first.close()
    second = running(1, 24)
    assert summary(second) == (2, 72), "what is declared did not change"
    second.close()
    third = running(3, 48)
    assert summary(third) == (3, 48)
    kinesis = boto(third)
    assert [data for _, data in walk(kinesis, "clicks")] == [b"a", b"b"]
    kinesis.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=96)
    assert summary(third) == (3, 96)
    third.close()


def test_a_stream_made_by_api_and_declared_since_is_the_declared_one(tmp_path: Path) -> None:
    running = Running(tmp_path / ".lambdatui", streams(tmp_path), {})
    kinesis = boto(running)
    made(kinesis)
    kinesis.add_tags_to_stream(StreamName="own", Tags={"a": "1"})
    kinesis.enable_enhanced_monitoring(StreamName="own", ShardLevelMetrics=["IncomingBytes"])
    put(kinesis, "own", "a")
    running.close()
    running = Running(tmp_path / ".lambdatui", streams(tmp_path, StreamConfig(name="own", logical_id="Own")), {})
    kinesis = boto(running)
    try:
        assert kinesis.list_tags_for_stream(StreamName="own")["Tags"] == []
        assert error_of(kinesis.delete_stream, StreamName="own")[0] == "ResourceInUseException"
        kinesis.increase_stream_retention_period(StreamName="own", RetentionPeriodHours=48)
        summary = kinesis.describe_stream_summary(StreamName="own")["StreamDescriptionSummary"]
        assert summary["RetentionPeriodHours"] == 48
        assert summary["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
        assert read(kinesis, "own") == ["a"]
    finally:
        running.close()


def test_a_tables_stream_is_none_of_kinesis(tmp_path: Path) -> None:
    changes = StreamConfig(name="orders/stream", logical_id="Orders", table="orders")
    running = Running(tmp_path / ".lambdatui", streams(tmp_path, changes), {})
    kinesis = boto(running)
    try:
        assert kinesis.list_streams()["StreamNames"] == []
        assert error_of(kinesis.describe_stream, StreamARN=ARN + "orders/stream")[0] == MISSING
    finally:
        running.close()


# errors


INVALID, MISSING, LIMIT = "InvalidArgumentException", "ResourceNotFoundException", "LimitExceededException"
IN_USE, NOT_SERVED = "ResourceInUseException", "NotServed"
CLICKS = {"StreamName": "clicks"}
FIRST = CLICKS | {"ShardId": "shardId-000000000000"}
CONSUMER = ARN + "clicks/consumer/none:1"


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("put_record", {"StreamName": "none", "Data": b"", "PartitionKey": "k"}, MISSING),
        ("put_record", {"Data": b"", "PartitionKey": "k"}, INVALID),
        ("put_record", CLICKS | {"Data": b"", "PartitionKey": "k" * 257}, INVALID),
        ("put_record", CLICKS | {"Data": b"", "PartitionKey": "k", "ExplicitHashKey": str(HASH_SPACE)}, INVALID),
        ("put_record", CLICKS | {"Data": b"", "PartitionKey": "k", "SequenceNumberForOrdering": "1"}, INVALID),
        ("put_records", {"StreamName": "none", "Records": [{"Data": b"", "PartitionKey": "k"}]}, MISSING),
        ("get_shard_iterator", FIRST | {"ShardIteratorType": "NEXT"}, INVALID),
        ("get_shard_iterator", FIRST | {"ShardIteratorType": "AT_TIMESTAMP"}, INVALID),
        ("get_shard_iterator", FIRST | {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 9e9}, INVALID),
        ("get_shard_iterator", FIRST | {"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, INVALID),
        (
            "get_shard_iterator",
            FIRST | {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "7" * 56},
            INVALID,
        ),
        ("get_shard_iterator", CLICKS | {"ShardId": "shardId-7", "ShardIteratorType": "LATEST"}, MISSING),
        ("get_records", {"ShardIterator": "AAAA"}, INVALID),
        ("get_records", {"ShardIterator": "WzEsMl0="}, INVALID),
        ("create_stream", CLICKS | {"ShardCount": 1}, IN_USE),
        ("create_stream", {"StreamName": "a b", "ShardCount": 1}, INVALID),
        ("create_stream", {"StreamName": "more"}, INVALID),
        ("create_stream", {"StreamName": "more", "ShardCount": 9_000}, LIMIT),
        ("delete_stream", CLICKS, IN_USE),
        ("delete_stream", {"StreamName": "none"}, MISSING),
        ("describe_stream", {"StreamName": "none"}, MISSING),
        ("list_shards", {"NextToken": "x"}, INVALID),
        ("list_shards", CLICKS | {"ShardFilter": {"Type": "AT_TIMESTAMP"}}, INVALID),
        ("list_shards", CLICKS | {"ShardFilter": {"Type": "ODD"}}, INVALID),
        ("update_shard_count", CLICKS | {"TargetShardCount": 2, "ScalingType": "ODD"}, INVALID),
        ("increase_stream_retention_period", CLICKS | {"RetentionPeriodHours": 23}, INVALID),
        ("decrease_stream_retention_period", CLICKS | {"RetentionPeriodHours": 48}, INVALID),
        ("start_stream_encryption", CLICKS | {"EncryptionType": "NONE", "KeyId": "x"}, INVALID),
        ("enable_enhanced_monitoring", CLICKS | {"ShardLevelMetrics": ["Odd"]}, INVALID),
        ("add_tags_to_stream", CLICKS | {"Tags": {str(n): "" for n in range(51)}}, INVALID),
        ("list_tags_for_resource", {"ResourceARN": CONSUMER}, MISSING),
        ("describe_stream_consumer", {"ConsumerARN": CONSUMER}, MISSING),
        ("deregister_stream_consumer", {"StreamARN": ARN + "clicks", "ConsumerName": "none"}, MISSING),
        ("update_stream_mode", {"StreamARN": ARN + "none", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}, MISSING),
    ],
)
def test_what_is_wrong_is_answered_with_kinesis_own_error(
    kinesis: Any, operation: str, members: dict[str, Any], code: str
) -> None:
    got, message, status = error_of(getattr(kinesis, operation), **members)
    assert (got, status) == (code, 400)
    assert message


def test_what_is_not_served_is_said_with_the_next_step(door: Running) -> None:
    kinesis = boto(door)
    place = {"Type": "LATEST"}
    code, message, status = error_of(
        kinesis.subscribe_to_shard, ConsumerARN=CONSUMER, ShardId="shardId-000000000000", StartingPosition=place
    )
    assert (code, status) == (NOT_SERVED, 501)
    assert "GetRecords" in message
    assert "PutRecords" in error_of(kinesis.get_resource_policy, ResourceARN=ARN + "clicks")[1]
