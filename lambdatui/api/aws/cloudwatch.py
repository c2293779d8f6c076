"""CloudWatch for the namespace AWS/Lambda: GetMetricStatistics, GetMetricData and ListMetrics over the stored minutes.

Everything else of CloudWatch goes to the server behind `--aws`.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from typing import Any

from lambdatui.api.asgi import BodyTooLargeError, ClientGoneError, Message, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws import cloudwatch_data as data
from lambdatui.api.aws import cloudwatch_wire as wire
from lambdatui.api.aws.call import Door
from lambdatui.api.aws.cbor import Moment
from lambdatui.api.aws.errors import AwsError, unanswered
from lambdatui.api.aws.fields import Fields
from lambdatui.api.bodies import NoRoomError
from lambdatui.api.forward import Forwarder
from lambdatui.clock import MICROS, new_request_id
from lambdatui.store.metric_minutes import Wanted
from lambdatui.store.metric_names import METRICS

NAMESPACE = "AWS/Lambda"
MAX_REQUEST = 1 << 20
MAX_QUERIES = 500
MAX_STATISTICS_POINTS = 1_440
LIST_PAGE = 500
RECENT_MINUTES = 180
_NOBODY = (
    f"lambdatui answers CloudWatch for {NAMESPACE} and runs with --aws none; start it with --aws auto (a moto server) "
    "or --aws URL (any AWS endpoint)."
)
_NO_CBOR = (
    f"lambdatui answers CloudWatch for {NAMESPACE} and leaves the rest to a moto server, which does not speak "
    "rpc-v2-cbor, this SDK's wire form; start it with --aws URL (an endpoint that does)."
)
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")

Answer = dict[str, Any]


class CloudWatch:
    """Answers what is about Lambda and forwards the rest as it came."""

    def __init__(self, door: Door, forwarder: Forwarder) -> None:
        self._door = door
        self._forwarder = forwarder
        self.operations = {
            "GetMetricStatistics": self._get_metric_statistics,
            "GetMetricData": self._get_metric_data,
            "ListMetrics": self._list_metrics,
        }

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request in any of the three wire forms."""
        request = wire.request_of(scope)
        if request is None or (request.operation and request.operation not in self.operations):
            await self._forward(request, scope, receive, send)
            return
        request_id = new_request_id()
        try:
            body = await read_body(receive, MAX_REQUEST)
            operation, members = wire.read(request, body)
            if not self._ours(operation, members):
                await self._forward(request, scope, _again(body, receive), send)
                return
            answer = await self.operations[operation](members)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            failure = AwsError("RequestEntityTooLarge", f"Request must be smaller than {MAX_REQUEST} bytes.")
        except NoRoomError as error:
            failure = AwsError("ServiceUnavailable", str(error))
        except AwsError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 (the edge: whatever it is, the caller gets AWS's answer to it)
            failure = unanswered(error, "a CloudWatch", "InternalServiceFault")
        else:
            await respond(send, *wire.write(request, operation, answer, request_id))
            return
        await respond(send, *wire.write_error(request, failure, request_id))

    async def _forward(self, request: wire.Request | None, scope: Scope, receive: Receive, send: Send) -> None:
        aws = self._door.settings.aws
        sentence = _NOBODY if aws == "none" else _NO_CBOR if aws == "auto" else None
        if request is not None and sentence is not None and (aws == "none" or request.protocol == "cbor"):
            await respond(send, *wire.write_error(request, AwsError("NotServed", sentence), new_request_id()))
            return
        await self._forwarder.forward("monitoring", scope, receive, send)

    def _ours(self, operation: str, members: wire.Members) -> bool:
        """Whether a request is about Lambda's metrics. Where nobody else is there, every other namespace is empty."""
        if operation not in self.operations:
            return False
        if self._door.settings.aws == "none":
            return True
        if operation != "GetMetricData":
            return members.get("Namespace") in (None, "", NAMESPACE)
        queries = members.get("MetricDataQueries")
        spaces = {_namespace(query) for query in queries} if isinstance(queries, list) else set()
        return NAMESPACE in spaces or not spaces - {None}

    async def _get_metric_statistics(self, members: wire.Members) -> Answer:
        fields = Fields(members, "MissingRequiredParameterException", "InvalidParameterValueException")
        wanted = self._wanted(fields)
        start, end = _range(fields)
        period = _period(fields)
        plain, extended = fields.texts("Statistics"), fields.texts("ExtendedStatistics")
        unit = fields.optional_text("Unit")
        if bool(plain) == bool(extended):
            raise AwsError(
                "InvalidParameterCombinationException",
                "You must specify either Statistics or ExtendedStatistics, and not both.",
            )
        for statistic in plain:
            if statistic not in data.STATISTICS:
                raise fields.invalid(f"The value {statistic} for parameter Statistics is not supported.")
        for statistic in extended:
            if not data.is_percentile(statistic):
                raise fields.invalid(f"The value {statistic} for parameter ExtendedStatistics is not supported.")
        points = -(-(end - start) // period)
        if points > MAX_STATISTICS_POINTS:
            raise AwsError(
                "InvalidParameterCombinationException",
                f"You have requested up to {points:,} datapoints, which exceeds the limit of "
                f"{MAX_STATISTICS_POINTS:,}. You may reduce the datapoints requested by increasing Period, or "
                "decreasing the time range.",
            )
        [minutes] = await self._measured([wanted], start, end)
        metric = METRICS.get(wanted.name)
        shown = (
            [] if metric is None or unit not in (None, metric.unit) else data.periods(minutes, start, period).items()
        )
        datapoints: list[Answer] = []
        for at, samples in shown:
            point: Answer = {"Timestamp": Moment(at)}
            point |= {name: samples.statistic(name) for name in data.STATISTICS if name in plain}
            if extended:
                found = {name: samples.statistic(name) for name in extended}
                point["ExtendedStatistics"] = {name: value for name, value in found.items() if value is not None}
            datapoints.append({**point, "Unit": METRICS[wanted.name].unit})
        return {"Label": wanted.name, "Datapoints": datapoints}

    async def _get_metric_data(self, members: wire.Members) -> Answer:
        fields = Fields(members, "ValidationError", "ValidationError")
        start, end = _range(fields)
        queries = self._queries(fields)
        scan = fields.optional_text("ScanBy") or "TimestampDescending"
        if scan not in ("TimestampDescending", "TimestampAscending"):
            raise fields.invalid(f"The value {scan} for parameter ScanBy is not supported.")
        most = fields.number("MaxDatapoints", 1, data.MAX_DATAPOINTS) or data.MAX_DATAPOINTS
        told = fields.optional_text("NextToken")
        same = [queries, start, end, scan]
        offset = data.offset_of(same, told)
        metrics = [query for query in queries if query.wanted is not None]
        minutes = await self._measured([query.wanted for query in metrics if query.wanted is not None], start, end)
        measured = {query.id: data.series(query, found, start) for query, found in zip(metrics, minutes, strict=True)}
        results = data.Evaluation(queries, measured, start, end).results()
        shown, following = data.page(results, most, ascending=scan == "TimestampAscending", offset=offset)
        answer: Answer = {"Messages": [], "MetricDataResults": shown}
        return answer if following is None else {**answer, "NextToken": data.token(same, following)}

    async def _list_metrics(self, members: wire.Members) -> Answer:
        wrong = "InvalidParameterValueException"
        fields = Fields(members, wrong, wrong)
        space, name = fields.optional_text("Namespace"), fields.optional_text("MetricName")
        filters = [(each.text("Name"), each.optional_text("Value")) for each in fields.objects("Dimensions")]
        recently = fields.optional_text("RecentlyActive")
        if recently not in (None, "PT3H"):
            raise fields.invalid(f"The value {recently} for parameter RecentlyActive is not supported.")
        told = fields.optional_text("NextToken")
        same = [space, name, filters, recently]
        try:
            offset = data.offset_of(same, told)
        except AwsError as error:
            raise AwsError(wrong, error.message) from None
        since = self._now_s() // 60 - RECENT_MINUTES if recently else 0
        found = [] if space not in (None, NAMESPACE) else await self._door.read(self._reader.metric_series, since)
        listed = [each for each in found if name in (None, each.name) and _has(each, filters)]
        metrics = [
            {"Namespace": NAMESPACE, "MetricName": each.name, "Dimensions": _listed(each.dimensions)}
            for each in listed[offset : offset + LIST_PAGE]
        ]
        answer: Answer = {"Metrics": metrics}
        following = offset + LIST_PAGE
        return answer if following >= len(listed) else {**answer, "NextToken": data.token(same, following)}

    @property
    def _reader(self) -> Any:
        return self._door.engine.reader

    def _now_s(self) -> int:
        return self._door.engine.clock.now_us() // MICROS

    async def _measured(self, wanted: list[Wanted], start: int, end: int) -> list[dict[int, Any]]:
        found: list[dict[int, Any]] = await self._door.read(
            self._reader.metric_minutes, wanted, start // 60, -(-end // 60)
        )
        return found

    def _wanted(self, fields: Fields) -> Wanted:
        """A metric; one of another namespace has no data."""
        space, name = fields.text("Namespace"), fields.text("MetricName")
        dimensions = {each.text("Name"): each.text("Value") for each in fields.objects("Dimensions")}
        return Wanted(name if space == NAMESPACE else "", dimensions)

    def _queries(self, fields: Fields) -> list[data.Query]:
        items = fields.objects("MetricDataQueries")
        if not items:
            raise fields.missing("MetricDataQueries")
        if len(items) > MAX_QUERIES:
            raise fields.invalid(f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}.")
        queries = [self._query(place, item) for place, item in enumerate(items, start=1)]
        if len({query.id for query in queries}) < len(queries):
            raise fields.invalid("The values for parameter Id in MetricDataQueries must be unique.")
        return queries

    def _query(self, place: int, item: Fields) -> data.Query:
        name = item.text("Id")
        where = f"MetricDataQueries.member.{place}"
        if not _ID.fullmatch(name) or len(name) > 255:
            raise item.invalid(
                f"The value {name[:255]} for parameter {where}.Id is not matching the expected pattern "
                "^[a-z][a-zA-Z0-9_]*$."
            )
        stat, expression = item.object("MetricStat"), item.optional_text("Expression")
        returned = item.flag("ReturnData") if item.has("ReturnData") else True
        label = item.optional_text("Label")
        if (stat is None) == (expression is None):
            raise item.invalid(f"{where} must have either MetricStat or Expression, and not both.")
        if stat is None:
            period = _period(item) if item.has("Period") else 0
            return data.Query(id=name, label=label or name, returned=returned, expression=expression, period=period)
        metric = stat.object("Metric")
        if metric is None:
            raise stat.missing("Metric")
        statistic = stat.text("Stat")
        if not data.is_statistic(statistic):
            raise item.invalid(f"The value {statistic} for parameter {where}.MetricStat.Stat is not supported.")
        wanted = self._wanted(metric)
        if not wanted.name and self._door.settings.aws != "none":
            raise item.invalid(
                f"{where} is of the namespace {metric.text('Namespace')}, which another server answers here: ask for "
                f"it apart from {NAMESPACE}."
            )
        return data.Query(
            id=name, label=label or metric.text("MetricName"), returned=returned, wanted=wanted,
            unit=stat.optional_text("Unit"), statistic=statistic, period=_period(stat),
        )  # fmt: skip


def _range(fields: Fields) -> tuple[int, int]:
    """Start, rounded down to a minute, and end in seconds. Periods begin at the start."""
    start, end = (fields.moment(name) for name in ("StartTime", "EndTime"))
    if start is None or end is None:
        raise fields.missing("StartTime" if start is None else "EndTime")
    if start >= end:
        raise fields.invalid("The parameter StartTime must be less than the parameter EndTime.")
    return start // MICROS // 60 * 60, -(-end // MICROS)


def _period(fields: Fields) -> int:
    period = fields.number("Period", 1, 86_400 * 365)
    if period is None:
        raise fields.missing("Period")
    if not data.is_period(period):
        raise fields.invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    return period


def _namespace(query: Any) -> str | None:
    """The namespace of a query as it came, which may be anything."""
    try:
        return str(query["MetricStat"]["Metric"]["Namespace"])
    except (KeyError, TypeError, IndexError):
        return None


def _has(wanted: Wanted, filters: list[tuple[str, str | None]]) -> bool:
    return all(key in wanted.dimensions and value in (None, wanted.dimensions[key]) for key, value in filters)


def _listed(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that has been read once more."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
