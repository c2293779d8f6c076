"""Random requests to CloudWatch: each has an answer or an error that AWS knows, in each wire form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.aws import cbor, cloudwatch_wire
from lambdatui.api.aws.call import Door
from lambdatui.api.aws.cloudwatch import CloudWatch
from lambdatui.api.aws.cloudwatch_data import Result, page
from lambdatui.api.aws.cloudwatch_wire import Request
from lambdatui.api.aws.errors import CLOUDWATCH, COMMON, AwsError
from lambdatui.api.forward import Forwarder
from lambdatui.api.ports import ApiSettings
from tests.api.api_support import Running

KNOWN = {*CLOUDWATCH, "SerializationException"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TIME = st.integers(1_699_999_000, 1_700_100_000)
DIMENSIONS = st.lists(
    st.fixed_dictionaries({"Name": st.sampled_from(["FunctionName", "Resource", "X"]), "Value": st.text(max_size=5)}),
    max_size=3,
)
METRIC = st.fixed_dictionaries(
    {"Namespace": st.just("AWS/Lambda"), "MetricName": st.sampled_from(["Errors", "Duration", "None"])},
    optional={"Dimensions": DIMENSIONS},
)
PERIOD = st.sampled_from([60, 300, 3600, 1, 7])
RANGE = {"StartTime": TIME, "EndTime": TIME}
STAT = st.sampled_from(["Sum", "p99", "p0", "p100", "Maximum", "tm90"])
QUERY = st.fixed_dictionaries(
    {"Id": st.sampled_from(["m1", "m2", "e1", "E"])},
    optional={
        "MetricStat": st.fixed_dictionaries({"Metric": METRIC, "Period": PERIOD, "Stat": STAT}),
        "Expression": st.sampled_from(["m1", "m1/m2", "SUM(METRICS())", "FILL(m2, 0)", "e1", "(", "FLOOR(9^999)"]),
        "ReturnData": st.booleans(),
        "Label": st.text(max_size=5),
    },
)
REQUESTS = {
    "GetMetricStatistics": {
        "Namespace": st.just("AWS/Lambda"), "MetricName": st.sampled_from(["Errors", "Duration"]), **RANGE,
        "Period": PERIOD, "Dimensions": DIMENSIONS, "Statistics": st.lists(STAT, max_size=2),
        "ExtendedStatistics": st.lists(STAT, max_size=2), "Unit": st.sampled_from(["Count", "Seconds"]),
    },
    "GetMetricData": {
        **RANGE, "MetricDataQueries": st.lists(QUERY, max_size=4), "MaxDatapoints": st.integers(-1, 100),
        "NextToken": st.text(max_size=5), "ScanBy": st.sampled_from(["TimestampAscending", "Down"]),
    },
    "ListMetrics": {
        "Namespace": st.text(max_size=5), "MetricName": st.text(max_size=5),
        "RecentlyActive": st.sampled_from(["PT3H", "P1D"]),
        "Dimensions": DIMENSIONS, "NextToken": st.text(max_size=5),
    },
}  # fmt: skip


@st.composite
def requests(draw: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """An operation and its members, most as they should be, some missing and some anything."""
    operation = draw(st.sampled_from(sorted(REQUESTS)))
    members: dict[str, Any] = {}
    for name, value in REQUESTS[operation].items():
        kind = draw(st.integers(0, 9))
        if kind < 7:
            members[name] = draw(value)
        elif kind == 7:
            members[name] = draw(ANYTHING)
    return operation, members


@given(requests())
def test_any_members_have_an_answer_or_a_modelled_error(door: Running, request_: tuple[str, dict[str, Any]]) -> None:
    operation, members = request_
    made = Door(door.engine, door.sources, ApiSettings(token="t", on_stop=print, info=lambda: door.info))
    cloudwatch = CloudWatch(made, Forwarder(made))
    try:
        answer = door.run(cloudwatch.operations[operation](members))
    except AwsError as error:
        assert error.type in KNOWN
        return
    for protocol in ("cbor", "json", "query"):
        status, body, _ = cloudwatch_wire.write(Request(protocol, operation), operation, answer, "id")
        assert status == 200
        if protocol == "query":
            ElementTree.fromstring(body)


@given(st.binary(max_size=80), st.sampled_from(["cbor", "json", "query"]))
def test_any_body_is_read_or_refused(body: bytes, protocol: Any) -> None:
    try:
        operation, members = cloudwatch_wire.read(Request(protocol, "ListMetrics"), body)
    except AwsError as error:
        assert error.type in KNOWN
    else:
        assert isinstance(members, dict)
        assert operation


@given(st.sampled_from(sorted({*CLOUDWATCH, *COMMON})), st.sampled_from(["cbor", "json", "query"]), st.text())
def test_any_error_is_written(kind: str, protocol: Any, message: str) -> None:
    status, body, headers = cloudwatch_wire.write_error(Request(protocol, "X"), AwsError(kind, message), "id")
    assert status >= 400
    if protocol == "query":
        ElementTree.fromstring(body)
    if protocol == "cbor":
        assert cbor.decode(body)["__type"].endswith(f"#{kind}")
    assert (b"x-amzn-requestid", b"id") in headers


@given(st.lists(st.integers(0, 6), max_size=6), st.integers(1, 7), st.booleans())
def test_pages_hold_each_point_once_and_each_result_at_least_once(sizes: list[int], most: int, ascending: bool) -> None:
    results = [Result(f"m{n}", "", [(60 * at, at + 100.0 * n) for at in range(size)]) for n, size in enumerate(sizes)]
    seen: dict[str, list[float]] = {}
    complete: list[str] = []
    offset: int | None = 0
    while offset is not None:
        told, offset = page(results, most, ascending=ascending, offset=offset)
        assert sum(len(each["Values"]) for each in told) <= most
        for each in told:
            assert len(each["Values"]) == len(each["Timestamps"])
            seen.setdefault(each["Id"], []).extend(each["Values"])
            if each["StatusCode"] == "Complete":
                complete.append(each["Id"])
    assert complete == [result.id for result in results]
    for result in results:
        values = [value for _, value in result.points]
        assert seen[result.id] == (values if ascending else values[::-1])
