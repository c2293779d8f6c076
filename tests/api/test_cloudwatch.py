"""CloudWatch for AWS/Lambda by boto3 and by botocore's own serializers, in each of the three wire forms."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambdatui.store.records import MetricDelta
from tests.api.api_support import Running
from tests.api.model_check import check
from tests.api.test_aws_cli import aws

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
START = NOW - timedelta(minutes=10)
MINUTE = int(START.timestamp()) // 60
ORDERS = [{"Name": "FunctionName", "Value": "orders"}]
LIVE = [*ORDERS, {"Name": "Resource", "Value": "orders:live"}]


def delta(name: str, minute: int, function: str = "orders", resource: str = "orders", **more: Any) -> MetricDelta:
    return MetricDelta(minute=MINUTE + minute, function=function, resource=resource, name=name, **more)


def ones(name: str, minute: int, count: int, **more: Any) -> MetricDelta:
    return delta(name, minute, sum=count, min=1, max=1, count=count, **more)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Ten minutes of two functions: `orders` has errors in minute 2, an alias from minute 3 on."""
    from tests.api.api_support import project

    root = tmp_path_factory.mktemp("metrics")
    running = Running(root / ".lambdatui", project(root), {})
    deltas = [
        *(ones("Invocations", minute, 10) for minute in range(5)),
        ones("Errors", 2, 4),
        ones("Throttles", 4, 10),
        ones("Invocations", 3, 2, resource="orders:live", version="7"),
        ones("Invocations", 3, 3, resource="orders:live", version="8"),
        ones("Invocations", 1, 5, function="mail", resource="mail"),
        delta("Duration", 0, sum=330.0, min=30, max=200, count=3, histogram={230: 2, 267: 1}),
        delta("ConcurrentExecutions", 0, resource="", sum=5, min=0, max=4, count=3),
        delta("ConcurrentExecutions", 0, function="_account", resource="", sum=9, min=0, max=6, count=3),
        MetricDelta(
            minute=MINUTE, function="orders", mapping="uuid-1", name="PolledEventCount", sum=9, min=1, max=1, count=9
        ),
    ]

    async def store() -> None:
        running.store.history.add(metrics=deltas)
        await running.store.history.flush()

    running.run(store())
    yield running
    running.close()


@pytest.fixture(scope="module")
def client(door: Running) -> Any:
    """Every answer is checked against the model before boto3 reads it."""
    made = boto3.client(
        "cloudwatch", endpoint_url=door.url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s",
        config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip

    def look(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
        body = json.loads(response_dict["body"])
        if response_dict["status_code"] < 300:
            check(operation_model.output_shape, body, operation_model.name)
        else:
            names = {shape.name for shape in operation_model.error_shapes} | {"ValidationError"}
            assert body["__type"].rpartition("#")[2] in names

    made.meta.events.register("before-parse.cloudwatch", look)
    return made


@pytest.fixture(scope="module")
def ask(door: Running, client: Any) -> Callable[..., Any]:
    """A call in one wire form, written and read by botocore."""

    def call(protocol: str, operation: str, **members: Any) -> Any:
        model = client.meta.service_model.operation_model(operation)
        request = create_serializer(protocol).serialize_to_request(members, model)
        body = request["body"]
        if isinstance(body, dict):
            from urllib.parse import urlencode

            body = urlencode(body).encode()
        scope = "Credential=k/20260101/us-east-1/monitoring/aws4_request"
        headers = {**request["headers"], "Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=x"}
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
        connection.request("POST", request["url_path"], body, headers)
        answer = connection.getresponse()
        if protocol == PROTOCOLS[0]:
            assert answer.getheader("smithy-protocol") == "rpc-v2-cbor"
        raw = {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.getheaders()},
            "body": answer.read(),
        }
        connection.close()
        return create_parser(protocol).parse(raw, model.output_shape)

    return call


def statistics(client: Any, name: str, *statistics: str, period: int = 60, **more: Any) -> list[dict[str, Any]]:
    asked = {"Dimensions": ORDERS, "StartTime": START, "EndTime": NOW, **more}
    if statistics:
        asked["Statistics"] = list(statistics)
    found = client.get_metric_statistics(Namespace="AWS/Lambda", MetricName=name, Period=period, **asked)
    return list(found["Datapoints"])


def query(id: str, name: str = "Invocations", stat: str = "Sum", period: int = 60, **more: Any) -> dict[str, Any]:
    dimensions = more.pop("Dimensions", ORDERS)
    metric = {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": dimensions}
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


def data(client: Any, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"StartTime": START, "EndTime": NOW, "ScanBy": "TimestampAscending", **more}
    return dict(client.get_metric_data(MetricDataQueries=list(queries), **asked))


# --- GetMetricStatistics


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_wire_form_says_the_same(ask: Callable[..., Any], protocol: str) -> None:
    found = ask(
        protocol, "GetMetricStatistics", Namespace="AWS/Lambda", MetricName="Invocations", Dimensions=ORDERS,
        StartTime=START, EndTime=NOW, Period=300, Statistics=["Sum", "SampleCount"],
    )  # fmt: skip
    assert found["Label"] == "Invocations"
    assert found["Datapoints"] == [{"Timestamp": START, "SampleCount": 55.0, "Sum": 55.0, "Unit": "Count"}]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_wire_form_has_percentiles_and_expressions(ask: Callable[..., Any], protocol: str) -> None:
    found = ask(
        protocol, "GetMetricStatistics", Namespace="AWS/Lambda", MetricName="Duration", Dimensions=ORDERS,
        StartTime=START, EndTime=NOW, Period=60, ExtendedStatistics=["p50", "p99.9"],
    )  # fmt: skip
    [point] = found["Datapoints"]
    assert point["Unit"] == "Milliseconds"
    assert point["ExtendedStatistics"]["p50"] == pytest.approx(1.02**230.5)
    assert point["ExtendedStatistics"]["p99.9"] == pytest.approx(1.02**267.5, rel=0.01)
    answer = ask(
        protocol, "GetMetricData", StartTime=START, EndTime=NOW, ScanBy="TimestampAscending",
        MetricDataQueries=[query("m1", ReturnData=False), {"Id": "e1", "Expression": "m1 * 2", "Label": "twice"}],
    )  # fmt: skip
    [result] = answer["MetricDataResults"]
    assert (result["Id"], result["Label"], result["StatusCode"]) == ("e1", "twice", "Complete")
    assert result["Timestamps"][0] == START
    assert result["Values"] == [20.0, 20.0, 20.0, 30.0, 20.0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_wire_form_has_the_models_errors(ask: Callable[..., Any], protocol: str) -> None:
    found = ask(
        protocol, "GetMetricStatistics", Namespace="AWS/Lambda", MetricName="Invocations", StartTime=NOW,
        EndTime=START, Period=60, Statistics=["Sum"],
    )  # fmt: skip
    assert found["Error"]["Code"] == "InvalidParameterValue"
    assert found["Error"]["Message"] == "The parameter StartTime must be less than the parameter EndTime."
    found = ask(protocol, "ListMetrics", Namespace="AWS/Lambda", MetricName="Errors", Dimensions=[{"Name": "Resource"}])
    assert [metric["MetricName"] for metric in found["Metrics"]] == ["Errors"] * 5


def test_errors_are_zeros_of_the_invocations_that_succeeded(client: Any) -> None:
    points = statistics(client, "Errors", "Sum", "Average", "SampleCount", "Minimum", "Maximum")
    assert [point["Sum"] for point in points] == [0, 0, 4, 0, 0]
    assert points[2] == {
        "Timestamp": START + timedelta(minutes=2), "Sum": 4, "Average": 0.4, "SampleCount": 10, "Minimum": 0,
        "Maximum": 1, "Unit": "Count",
    }  # fmt: skip


def test_throttles_are_no_invocations(client: Any) -> None:
    point = statistics(client, "Throttles", "Sum", "SampleCount")[4]
    assert (point["Sum"], point["SampleCount"]) == (10, 20)


@pytest.mark.parametrize(
    ("dimensions", "total"),
    [
        ([], 60),
        (ORDERS, 55),
        ([*ORDERS, {"Name": "Resource", "Value": "orders"}], 50),
        (LIVE, 5),
        ([*LIVE, {"Name": "ExecutedVersion", "Value": "8"}], 3),
        ([{"Name": "FunctionName", "Value": "_account"}], None),
        ([{"Name": "Resource", "Value": "orders"}], None),
        ([*ORDERS, {"Name": "Region", "Value": "here"}], None),
        ([{"Name": "EventSourceMappingUUID", "Value": "uuid-1"}], None),
    ],
)
def test_dimensions_are_exact_sets(client: Any, dimensions: list[Any], total: int | None) -> None:
    points = statistics(client, "Invocations", "Sum", period=600, Dimensions=dimensions)
    assert [point["Sum"] for point in points] == ([] if total is None else [total])


def test_maxima_are_the_functions_and_the_accounts_own(client: Any) -> None:
    assert statistics(client, "ConcurrentExecutions", "Maximum")[0]["Maximum"] == 4
    assert statistics(client, "ConcurrentExecutions", "Maximum", Dimensions=[])[0]["Maximum"] == 6
    resource = [*ORDERS, {"Name": "Resource", "Value": "orders"}]
    assert statistics(client, "ConcurrentExecutions", "Maximum", Dimensions=resource) == []


def test_a_mappings_metrics_have_its_uuid(client: Any) -> None:
    uuid = [{"Name": "EventSourceMappingUUID", "Value": "uuid-1"}]
    assert statistics(client, "PolledEventCount", "Sum", Dimensions=uuid)[0]["Sum"] == 9
    assert statistics(client, "PolledEventCount", "Sum") == []


def test_another_unit_or_namespace_or_metric_has_no_data(client: Any) -> None:
    assert statistics(client, "Invocations", "Sum", Unit="Seconds") == []
    assert len(statistics(client, "Invocations", "Sum", Unit="Count")) == 5
    assert statistics(client, "CostUSD", "Sum") == []
    found = client.get_metric_statistics(
        Namespace="Mine", MetricName="Invocations", Dimensions=ORDERS, StartTime=START, EndTime=NOW, Period=60,
        Statistics=["Sum"],
    )  # fmt: skip
    assert found["Datapoints"] == []


def test_what_is_not_stored_yet_is_in_the_answer(client: Any, door: Running) -> None:
    door.run(asyncio.sleep(0))
    door.telemetry.metrics.count("newest", "Invocations")
    ending = datetime.now(UTC) + timedelta(minutes=5)  # NOW is when this file was collected
    asked = {"Dimensions": [{"Name": "FunctionName", "Value": "newest"}], "EndTime": ending}
    assert [point["Sum"] for point in statistics(client, "Invocations", "Sum", **asked)] == [1]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "InvalidParameterCombination"),
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p50"]}, "InvalidParameterCombination"),
        ({"Statistics": ["Sum"], "StartTime": NOW - timedelta(days=3)}, "InvalidParameterCombination"),
        ({"Statistics": ["Sum"], "period": 90}, "InvalidParameterValue"),
        ({"Statistics": ["Middle"]}, "InvalidParameterValue"),
        ({"ExtendedStatistics": ["p101"]}, "InvalidParameterValue"),
        ({"Statistics": ["Sum"], "EndTime": START}, "InvalidParameterValue"),
    ],
)
def test_wrong_statistics_are_refused(client: Any, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        statistics(client, "Invocations", **asked)
    assert refused.value.response["Error"]["Code"] == code


def test_a_missing_parameter_is_named(door: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    headers = {"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricStatistics"}
    connection.request("POST", "/", json.dumps({"Namespace": "AWS/Lambda", "MetricName": "Errors"}), headers)
    answer = connection.getresponse()
    assert answer.status == 400
    assert answer.getheader("x-amzn-query-error") == "MissingParameter;Sender"
    assert b"StartTime" in answer.read()


# --- GetMetricData


def test_newest_first_unless_asked_otherwise(client: Any) -> None:
    [result] = data(client, query("m1"), ScanBy="TimestampDescending")["MetricDataResults"]
    assert result["Timestamps"] == [START + timedelta(minutes=minute) for minute in (4, 3, 2, 1, 0)]
    assert result["Values"] == [10, 15, 10, 10, 10]
    assert result["Label"] == "Invocations"


def test_expressions_build_on_each_other(client: Any) -> None:
    answer = data(
        client,
        query("errors", "Errors", ReturnData=False),
        query("calls", ReturnData=False),
        {"Id": "rate", "Expression": "100 * errors / calls", "Label": "Error rate"},
        {"Id": "ok", "Expression": "100 - rate"},
    )
    assert [(r["Id"], r["Label"], r["Values"]) for r in answer["MetricDataResults"]] == [
        ("rate", "Error rate", [0, 0, 40, 0, 0]),
        ("ok", "ok", [100, 100, 60, 100, 100]),
    ]


def test_arrays_are_results_each(client: Any) -> None:
    answer = data(client, query("a", ReturnData=False), query("b", "Errors", ReturnData=False),
                  {"Id": "both", "Expression": "METRICS() + 1"})  # fmt: skip
    assert [(r["Id"], r["Values"][2]) for r in answer["MetricDataResults"]] == [("both", 11), ("both", 5)]


def test_pages_hold_every_point_once(client: Any) -> None:
    seen: dict[str, list[float]] = {}
    states: list[str] = []
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query("m1"), query("m2", "Errors")], StartTime=START, EndTime=NOW, MaxDatapoints=3,
        ScanBy="TimestampAscending",
    )  # fmt: skip
    for page in pages:
        assert sum(len(result["Values"]) for result in page["MetricDataResults"]) <= 3
        for result in page["MetricDataResults"]:
            seen.setdefault(result["Id"], []).extend(result["Values"])
            states.append(result["StatusCode"])
    assert seen == {"m1": [10, 10, 10, 15, 10], "m2": [0, 0, 4, 0, 0]}
    assert states == ["PartialData", "Complete", "PartialData", "PartialData", "Complete"]


@pytest.mark.parametrize(
    ("queries", "why"),
    [
        ([query("M1")], "pattern"),
        ([query("m1"), query("m1")], "unique"),
        ([{"Id": "m1"}], "MetricStat or Expression"),
        ([query("m1", Expression="1")], "MetricStat or Expression"),
        ([query("m1", stat="Middle")], "Middle"),
        ([query("m1", period=45)], "Period"),
        ([{"Id": "e1", "Expression": "m9 + 1"}], "there is no m9"),
        ([{"Id": "e1", "Expression": "e2"}, {"Id": "e2", "Expression": "e1"}], "depends on itself"),
        ([{"Id": "e1", "Expression": "1 + 1"}], "single number"),
        ([{"Id": "e1", "Expression": "SEARCH('x', 'Sum', 60)"}], "unexpected"),
        ([{"Id": "e1", "Expression": "ANOMALY_DETECTION_BAND(m1)"}, query("m1")], "is not served"),
        ([], "MetricDataQueries"),
    ],
)
def test_wrong_queries_are_validation_errors(client: Any, queries: list[Any], why: str) -> None:
    with pytest.raises(ClientError) as refused:
        data(client, *queries)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert why in refused.value.response["Error"]["Message"]


def test_a_token_of_another_request_is_refused(client: Any) -> None:
    token = data(client, query("m1"), MaxDatapoints=2)["NextToken"]
    with pytest.raises(client.exceptions.InvalidNextToken):
        data(client, query("m2"), MaxDatapoints=2, NextToken=token)
    with pytest.raises(client.exceptions.InvalidNextToken):
        data(client, query("m1"), NextToken="\u00fc")


# --- ListMetrics


def test_metrics_are_listed_with_each_set_of_dimensions(client: Any) -> None:
    pages = client.get_paginator("list_metrics").paginate(Namespace="AWS/Lambda", MetricName="Invocations")
    found = [
        tuple((each["Name"], each["Value"]) for each in metric["Dimensions"])
        for page in pages
        for metric in page["Metrics"]
        if all(each["Value"] != "newest" for each in metric["Dimensions"])
    ]
    name, live = ("FunctionName", "orders"), ("Resource", "orders:live")
    assert sorted(found) == sorted([
        (), (name,), (name, ("Resource", "orders")), (name, live), (name, live, ("ExecutedVersion", "7")),
        (name, live, ("ExecutedVersion", "8")), (("FunctionName", "mail"),),
        (("FunctionName", "mail"), ("Resource", "mail")),
    ])  # fmt: skip


def test_filters_narrow_the_list(client: Any) -> None:
    def listed(**asked: Any) -> set[str]:
        return {metric["MetricName"] for metric in client.list_metrics(**asked)["Metrics"]}

    assert listed(Dimensions=[{"Name": "EventSourceMappingUUID"}]) == {"PolledEventCount"}
    mail = {"Invocations", "Errors", "Throttles"}
    assert listed(Dimensions=[{"Name": "FunctionName", "Value": "mail"}]) == mail
    assert listed(Namespace="AWS/Lambda", RecentlyActive="PT3H") >= mail | {"Duration", "ConcurrentExecutions"}
    assert listed(Namespace="Mine") == set()
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.list_metrics(NextToken="nonsense")


def test_other_operations_need_another_server(client: Any, ask: Callable[..., Any]) -> None:
    for protocol in PROTOCOLS:
        found = ask(protocol, "DescribeAlarms")
        assert found["Error"]["Code"] == "NotServed"
        assert "--aws auto" in found["Error"]["Message"]


def test_the_aws_cli(door: Running) -> None:
    times = ("--start-time", START.isoformat(), "--end-time", NOW.isoformat(), "--period", "300")
    said = json.loads(
        aws(
            door, "cloudwatch", "get-metric-statistics", "--namespace", "AWS/Lambda", "--metric-name", "Invocations",
            "--dimensions", "Name=FunctionName,Value=orders", *times, "--statistics", "Sum",
        )
    )  # fmt: skip
    assert [point["Sum"] for point in said["Datapoints"]] == [55]
