"""The local AWS with a real moto server below a real spawner, asked by a real boto3."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import msgspec
import psutil
import pytest
import pytest_asyncio
from botocore.config import Config

from lambdatui.clock import SystemClock
from lambdatui.config.aws_names import STREAM_LABEL
from lambdatui.config.model import ResourceConfig, ScheduleConfig, StreamConfig
from lambdatui.engine.spawner import Spawner
from lambdatui.errors import OperationFailed
from lambdatui.localaws import calls
from lambdatui.localaws.local import LocalAws
from lambdatui.localaws.server import MotoServer
from lambdatui.store.store import Store
from tests.sources.support import SmallEngine, project

REGION, ACCOUNT = "us-east-1", "000000000000"
KEYS = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


def resource(kind: str, name: str, **properties: Any) -> ResourceConfig:
    return ResourceConfig(
        type=f"AWS::{kind}", logical_id=name, name=name, properties=properties, file="template.yaml", line=7
    )


SHOP = project(
    resources=(
        resource("DynamoDB::Table", "orders", **KEYS, StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"}),
        resource("S3::Bucket", "ab"),
        resource("S3::Bucket", "uploads", VersioningConfiguration={"Status": "Enabled"}),
        resource("SNS::Topic", "news"),
        resource("SSM::Parameter", "/shop/limit", Type="String", Value=5),
        resource("SecretsManager::Secret", "shop-key", SecretString='{"key": 1}'),
        resource("Events::EventBus", "shop"),
    ),
    streams=(StreamConfig(name="orders-changes", logical_id="Orders", table="orders"),),
    schedules=(
        ScheduleConfig(id="ReportNightly", function="report", expression="cron(0 3 * * ? *)", input='{"a": 1}'),
        ScheduleConfig(id="TickTock", function="tick", expression="rate(5 minutes)", enabled=False, qualifier="live"),
        ScheduleConfig(id="Often", function="tick", expression="every 1s"),
    ),
)


class Here:
    """A project's local AWS and the engine around it."""

    def __init__(self, data: Path) -> None:
        self.store = Store.open(data, SystemClock())
        self.engine = SmallEngine(SHOP, self.store, SystemClock())  # type: ignore[arg-type]
        self.spawner = Spawner(lambda: None)
        self.server = MotoServer(ACCOUNT, "test", self.spawner)
        self.aws = LocalAws(self.engine, self.server)

    async def close(self) -> None:
        self.engine.stopping = True
        await self.aws.stop()
        await self.spawner.close()
        self.engine.reader.close()
        await self.store.close()

    async def ask(self, service: str, operation: str, **arguments: Any) -> Any:
        client = boto3.client(
            service,
            endpoint_url=await self.aws.url(),
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"max_attempts": 0}),
        )
        return await asyncio.to_thread(getattr(client, operation), **arguments)

    async def put(self, id: str, **more: str) -> None:
        """As through the door: the pump hears of it."""
        item = {"id": {"S": id}} | {name: {"S": value} for name, value in more.items()}
        await self.ask("dynamodb", "put_item", TableName="orders", Item=item)
        self.aws.passed("DynamoDB_20120810.PutItem")

    async def changes(self, count: int) -> list[Any]:
        async with asyncio.timeout(60):
            while True:
                records = await self.store.streams.read("orders-changes", "shardId-000000000000", "", 100)
                if len(records) >= count:
                    return [json.loads(record.data) for record in records]
                await asyncio.sleep(0.02)

    def said(self) -> list[str]:
        return [sentence for _, _, sentence in self.engine.telemetry.said]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    here = Here(tmp_path_factory.mktemp("shop") / "data")
    await here.store.start()
    await here.spawner.start()
    yield here
    await here.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_the_template_declares_is_there_at_the_first_call(here: Here) -> None:
    table = (await here.ask("dynamodb", "describe_table", TableName="orders"))["Table"]
    assert table["TableArn"] == f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
    versioning = await here.ask("s3", "get_bucket_versioning", Bucket="uploads")
    assert versioning["Status"] == "Enabled"
    topics = (await here.ask("sns", "list_topics"))["Topics"]
    assert topics == [{"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:news"}]
    parameter = (await here.ask("ssm", "get_parameter", Name="/shop/limit"))["Parameter"]
    assert (parameter["Value"], parameter["Type"]) == ("5", "String")
    assert "shop" in [bus["Name"] for bus in (await here.ask("events", "list_event_buses"))["EventBuses"]]


async def test_schedules_are_listed_as_the_rules_that_they_are_and_keep_no_event(here: Here) -> None:
    rules = {rule["Name"]: rule for rule in (await here.ask("events", "list_rules"))["Rules"]}
    assert sorted(rules) == ["ReportNightly", "TickTock"]
    nightly, tick = rules["ReportNightly"], rules["TickTock"]
    assert (nightly["ScheduleExpression"], nightly["State"]) == ("cron(0 3 * * ? *)", "ENABLED")
    assert (tick["ScheduleExpression"], tick["State"]) == ("rate(5 minutes)", "DISABLED")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    targets = (await here.ask("events", "list_targets_by_rule", Rule="ReportNightly"))["Targets"]
    assert targets == [{"Id": "report", "Arn": f"{arn}report", "Input": '{"a": 1}'}]
    targets = (await here.ask("events", "list_targets_by_rule", Rule="TickTock"))["Targets"]
    assert targets == [{"Id": "tick", "Arn": f"{arn}tick:live"}]
    event = {"Source": "shop", "DetailType": "ordered", "Detail": "{}"}
    assert (await here.ask("events", "put_events", Entries=[event]))["FailedEntryCount"] == 0


async def test_a_secret_answers_to_the_arn_that_a_ref_gives(here: Here) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop-key"
    assert (await here.ask("secretsmanager", "get_secret_value", SecretId=arn))["SecretString"] == '{"key": 1}'


async def test_what_cannot_be_created_is_named_and_the_rest_goes_on(here: Here) -> None:
    await here.aws.url()
    [notice] = [said for said in here.said() if "could not be created" in said]
    assert notice.startswith("template.yaml:7 bucket ab could not be created in the local AWS: InvalidBucketName")
    started = (
        "local AWS (moto) started: 1 table, 1 bucket, 1 topic, 1 parameter, 1 secret, 1 event bus, 2 rules created; "
    )
    assert [said for said in here.said() if said.startswith("local AWS")] == [started + "it keeps everything in memory"]


async def test_what_a_save_adds_is_created_too_and_a_change_is_said(here: Here) -> None:
    await here.aws.url()
    changed = [
        msgspec.structs.replace(one, properties={"DisplayName": "N"}) if one.name == "news" else one
        for one in SHOP.resources
    ]
    grown = msgspec.structs.replace(SHOP, resources=(*changed, resource("S3::Bucket", "thumbnails")))
    await here.engine.reload(grown)
    names = {bucket["Name"] for bucket in (await here.ask("s3", "list_buckets"))["Buckets"]}
    assert names == {"uploads", "thumbnails"}
    assert "in the local AWS: 1 bucket created" in here.said()
    assert sum("topic news has changed" in said for said in here.said()) == 1
    await here.engine.reload(SHOP)


async def test_a_schedule_that_a_save_changes_is_listed_as_it_is_now(here: Here) -> None:
    await here.aws.url()
    later = msgspec.structs.replace(SHOP.schedules[1], expression="rate(1 hour)", enabled=True)
    await here.engine.reload(msgspec.structs.replace(SHOP, schedules=(later,)))
    tick = await here.ask("events", "describe_rule", Name="TickTock")
    assert (tick["ScheduleExpression"], tick["State"]) == ("rate(1 hour)", "ENABLED")
    await here.engine.reload(SHOP)
    assert not any("rule created" in said for said in here.said())


async def test_changes_of_a_table_are_in_its_stream_once_and_in_order(here: Here) -> None:
    await here.aws.url()
    for number in range(20):
        await here.put(f"o{number}")
    await here.put("o3", state="paid")
    await here.ask("dynamodb", "delete_item", TableName="orders", Key={"id": {"S": "o3"}})
    here.aws.passed("DynamoDB_20120810.DeleteItem")
    changes = await here.changes(22)
    assert [change["dynamodb"]["Keys"]["id"]["S"] for change in changes[:20]] == [f"o{n}" for n in range(20)]
    assert [change["eventName"] for change in changes[19:]] == ["INSERT", "MODIFY", "REMOVE"]
    modified = changes[20]
    assert modified["dynamodb"]["NewImage"]["state"] == {"S": "paid"}
    assert modified["dynamodb"]["OldImage"] == {"id": {"S": "o3"}}
    assert isinstance(modified["dynamodb"]["ApproximateCreationDateTime"], int)
    assert (modified["eventVersion"], modified["awsRegion"]) == ("1.1", REGION)
    # A pump that comes back after a reload goes on where its predecessor stood.
    await here.engine.reload(msgspec.structs.replace(SHOP, streams=()))
    await here.engine.reload(SHOP)
    await here.put("after")
    assert len(await here.changes(23)) == 23


async def test_a_tables_stream_answers_to_the_arn_that_a_get_att_gives(here: Here) -> None:
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/stream/{STREAM_LABEL}"
    described = (await here.ask("dynamodbstreams", "describe_stream", StreamArn=arn))["StreamDescription"]
    assert (described["TableName"], described["StreamViewType"]) == ("orders", "NEW_AND_OLD_IMAGES")


async def test_a_table_that_is_made_again_has_its_changes_in_the_stream_too(here: Here) -> None:
    await here.aws.url()
    seen = len(await here.changes(0))
    await here.put("of the first")
    await here.ask("dynamodb", "delete_table", TableName="orders")
    here.aws.passed("DynamoDB_20120810.DeleteTable")
    await here.ask(
        "dynamodb", "create_table", TableName="orders", BillingMode="PAY_PER_REQUEST", **KEYS,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )  # fmt: skip
    here.aws.passed("DynamoDB_20120810.CreateTable")
    await here.put("of the second")
    changes = await here.changes(seen + 2)
    assert [change["dynamodb"]["Keys"]["id"]["S"] for change in changes[-2:]] == ["of the first", "of the second"]


async def test_after_a_kill_the_next_call_finds_everything_created_again(here: Here) -> None:
    before = await here.aws.url()
    await here.put("lost")
    seen = len(await here.changes(1))
    await _kill(here)
    assert await here.aws.url() != before
    assert (await here.ask("dynamodb", "scan", TableName="orders"))["Items"] == []
    await here.put("new")
    await here.changes(seen + 1)
    assert sum("has ended, and what it held is gone" in said for said in here.said()) == 1
    assert sum(said.startswith("local AWS (moto) started") for said in here.said()) == 2


async def test_a_server_that_ends_while_it_is_filled_leaves_no_trace(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.aws.url()
    # Each service that is asked costs a new server a second: a table with its stream and a topic are enough.
    few = tuple(one for one in SHOP.resources if one.name in ("orders", "news"))
    await here.engine.reload(msgspec.structs.replace(SHOP, resources=few))
    await _kill(here)
    seen = len(await here.changes(0))
    sent = calls.send

    async def killing(answered: bool, url: str, region: str, call: calls.Call) -> bytes:
        answer = await sent(url, region, call) if answered or call.service != "sns" else b""
        if call.service == "sns" and here.server.url is not None:
            await _kill(here)
        return answer or await sent(url, region, call)

    for answered in (False, True):
        with monkeypatch.context() as patched:
            patched.setattr(calls, "send", partial(killing, answered))
            with pytest.raises(OperationFailed, match="ended while it was being filled"):
                await here.aws.url()
    assert len((await here.ask("sns", "list_topics"))["Topics"]) == 1
    await here.put("there again")
    await here.changes(seen + 1)
    await here.engine.reload(SHOP)


async def _kill(here: Here) -> None:
    [moto] = [one for one in psutil.Process(here.spawner.pid).children() if "moto.server" in " ".join(one.cmdline())]
    moto.kill()
    await _until(lambda: here.server.url is None)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)
