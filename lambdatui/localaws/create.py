"""What creates a declared resource in the local AWS: AWS's own calls, in their order. Pure.

CloudFormation's properties differ from the services' parameters in a few places; what the local AWS has no use for
(notifications, encryption, tags, backups) is left out. Values come from YAML: a text may have been read as a number.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from typing import Any

import msgspec

from lambdatui.config.model import Project, ResourceConfig, ScheduleConfig
from lambdatui.localaws.calls import Call, bucket_call, json_call, query_call

Properties = dict[str, Any]
RULE = "AWS::Events::Rule"  # of a schedule


def calls_for(resource: ResourceConfig, region: str) -> list[Call]:
    """The calls in order; [] where nothing is to be created (another type, the default bus)."""
    build = _BUILDERS.get(resource.type)
    return build(resource, region) if build else []


def kind_of(resource: ResourceConfig) -> str | None:
    """What a sentence calls it; None for types that are not created."""
    return _KINDS.get(resource.type)


def _table(resource: ResourceConfig, _: str) -> list[Call]:
    given = resource.properties
    body: Properties = {"TableName": resource.name}
    for key in ("AttributeDefinitions", "KeySchema"):
        body[key] = [{name: str(value) for name, value in one.items()} for one in _maps(given.get(key))]
    for key in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if indexes := [_index(one) for one in _maps(given.get(key))]:
            body[key] = indexes
    throughput = _throughput(given)
    if throughput is None or given.get("BillingMode") == "PAY_PER_REQUEST":
        body["BillingMode"] = "PAY_PER_REQUEST"
        for index in body.get("GlobalSecondaryIndexes", []):
            index.pop("ProvisionedThroughput", None)
    else:
        body["ProvisionedThroughput"] = throughput
        for index in body.get("GlobalSecondaryIndexes", []):
            index.setdefault("ProvisionedThroughput", throughput)
    stream = given.get("StreamSpecification")
    if isinstance(stream, dict):
        view = str(stream.get("StreamViewType") or "NEW_AND_OLD_IMAGES")
        body["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    calls = [json_call("dynamodb", "DynamoDB_20120810.CreateTable", body, fine=("ResourceInUseException",))]
    live = given.get("TimeToLiveSpecification")
    if isinstance(live, dict) and _true(live.get("Enabled")) and live.get("AttributeName"):
        setting = {"AttributeName": str(live["AttributeName"]), "Enabled": True}
        told = {"TableName": resource.name, "TimeToLiveSpecification": setting}
        calls.append(json_call("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", told))
    return calls


def _index(given: Properties) -> Properties:
    index: Properties = {"IndexName": str(given.get("IndexName", ""))}
    index["KeySchema"] = [{name: str(value) for name, value in one.items()} for one in _maps(given.get("KeySchema"))]
    projection = given.get("Projection")
    index["Projection"] = projection if isinstance(projection, dict) else {"ProjectionType": "ALL"}
    throughput = _throughput(given)
    return index if throughput is None else index | {"ProvisionedThroughput": throughput}


def _throughput(given: Properties) -> Properties | None:
    throughput = given.get("ProvisionedThroughput")
    if not isinstance(throughput, dict):
        return None
    return {key: int(throughput.get(key, 1)) for key in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _bucket(resource: ResourceConfig, region: str) -> list[Call]:
    given, name = resource.properties, resource.name
    place = f"<LocationConstraint>{escape(region)}</LocationConstraint>"
    body = "" if region == "us-east-1" else f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
    calls = [bucket_call(name, "", body, fine=("BucketAlreadyOwnedByYou", "BucketAlreadyExists"))]
    versioning = given.get("VersioningConfiguration")
    if isinstance(versioning, dict) and versioning.get("Status"):
        status = f"<Status>{escape(str(versioning['Status']))}</Status>"
        body = f"<VersioningConfiguration>{status}</VersioningConfiguration>"
        calls.append(bucket_call(name, "versioning", body))
    cors = given.get("CorsConfiguration")
    if isinstance(cors, dict) and (rules := _maps(cors.get("CorsRules"))):
        body = "".join(f"<CORSRule>{_cors_rule(rule)}</CORSRule>" for rule in rules)
        calls.append(bucket_call(name, "cors", f"<CORSConfiguration>{body}</CORSConfiguration>"))
    return calls


_CORS = {
    "AllowedMethods": "AllowedMethod",
    "AllowedOrigins": "AllowedOrigin",
    "AllowedHeaders": "AllowedHeader",
    "ExposedHeaders": "ExposeHeader",
}


def _cors_rule(rule: Properties) -> str:
    parts = [
        f"<{element}>{escape(str(value))}</{element}>"
        for key, element in _CORS.items()
        for value in (rule.get(key) or [])
    ]
    if rule.get("MaxAge") is not None:
        parts.append(f"<MaxAgeSeconds>{int(rule['MaxAge'])}</MaxAgeSeconds>")
    return "".join(parts)


def escape(text: str) -> str:
    """Text as XML holds it."""
    from xml.sax.saxutils import escape  # brings the whole of urllib: only for those who have buckets

    return escape(text)


def _topic(resource: ResourceConfig, _: str) -> list[Call]:
    given = resource.properties
    fields = {"Name": resource.name}
    settings = {key: given[key] for key in ("DisplayName", "FifoTopic", "ContentBasedDeduplication") if key in given}
    for number, (key, value) in enumerate(settings.items(), start=1):
        fields[f"Attributes.entry.{number}.key"] = key
        fields[f"Attributes.entry.{number}.value"] = _text(value)
    return [query_call("sns", "2010-03-31", "CreateTopic", fields)]


def _parameter(resource: ResourceConfig, _: str) -> list[Call]:
    given = resource.properties
    value = given.get("Value")
    body = {
        "Name": resource.name,
        "Type": str(given.get("Type") or "String"),
        "Value": ",".join(map(_text, value)) if isinstance(value, list) else _text(value),
        "Overwrite": True,
    }
    if given.get("Description"):
        body["Description"] = _text(given["Description"])
    return [json_call("ssm", "AmazonSSM.PutParameter", body)]


def _secret(resource: ResourceConfig, _: str) -> list[Call]:
    given = resource.properties
    body: Properties = {"Name": resource.name}
    if "SecretString" in given:
        body["SecretString"] = _text(given["SecretString"])
    elif isinstance(given.get("GenerateSecretString"), dict):
        body["SecretString"] = generated(given["GenerateSecretString"])
    if given.get("Description"):
        body["Description"] = _text(given["Description"])
    return [json_call("secretsmanager", "secretsmanager.CreateSecret", body, fine=("ResourceExistsException",))]


def generated(rules: Properties) -> str:
    """A random secret as GenerateSecretString asks for it, inside of its template where there is one."""
    groups = [
        letters
        for letters, excluded in (
            (string.ascii_lowercase, rules.get("ExcludeLowercase")),
            (string.ascii_uppercase, rules.get("ExcludeUppercase")),
            (string.digits, rules.get("ExcludeNumbers")),
            (string.punctuation, rules.get("ExcludePunctuation")),
            (" ", not _true(rules.get("IncludeSpace"))),
        )
        if not _true(excluded)
    ]
    banned = set(_text(rules.get("ExcludeCharacters", "")))
    groups = [left for group in groups if (left := "".join(one for one in group if one not in banned))]
    if not groups:
        raise ValueError("GenerateSecretString excludes every character")
    length = int(rules.get("PasswordLength") or 32)
    each = [] if str(rules.get("RequireEachIncludedType", True)).lower() == "false" else groups
    letters = [secrets.choice(group) for group in each][:length]
    everything = [one for group in groups for one in group]
    letters += [secrets.choice(everything) for _ in range(length - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    password = "".join(letters)
    if not rules.get("GenerateStringKey"):
        return password
    template = rules.get("SecretStringTemplate") or "{}"
    values = template if isinstance(template, dict) else msgspec.json.decode(str(template), type=dict[str, Any])
    return msgspec.json.encode(values | {str(rules["GenerateStringKey"]): password}).decode()


def _bus(resource: ResourceConfig, _: str) -> list[Call]:
    body = {"Name": resource.name}
    return [json_call("events", "AWSEvents.CreateEventBus", body, fine=("ResourceAlreadyExistsException",))]


# The engine keeps the schedule. Without a pattern moto would take every event for the rule's, and fail the PutEvents at
# a function.
_NEVER = '{"detail-type":["lambdatui keeps the schedule"]}'


def schedule_rules(project: Project) -> list[ResourceConfig]:
    """The rules behind a project's schedules, to be listed. EventBridge Scheduler's, zones and `every 1s` are none."""
    return [
        ResourceConfig(type=RULE, logical_id=one.id, name=one.id, properties=_schedule(project, one))
        for one in project.schedules
        if not one.scheduler and not one.timezone and one.expression.startswith(("rate(", "cron("))
    ]


def _schedule(project: Project, one: ScheduleConfig) -> Properties:
    arn = f"arn:aws:lambda:{project.region}:{project.account}:function:{one.function}"
    target = {"Id": one.function, "Arn": f"{arn}:{one.qualifier}" if one.qualifier else arn}
    return {
        "ScheduleExpression": one.expression,
        "State": "ENABLED" if one.enabled else "DISABLED",
        "Targets": [target if one.input is None else target | {"Input": one.input}],
    }


def _rule(resource: ResourceConfig, _: str) -> list[Call]:
    state = {name: resource.properties[name] for name in ("ScheduleExpression", "State")}
    targets = {"Rule": resource.name, "Targets": resource.properties["Targets"]}
    return [
        json_call("events", "AWSEvents.PutRule", {"Name": resource.name, "EventPattern": _NEVER, **state}),
        json_call("events", "AWSEvents.PutTargets", targets),
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode() if value is not None else ""


def _true(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _maps(value: object) -> list[Properties]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


_BUILDERS: dict[str, Callable[[ResourceConfig, str], list[Call]]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::SSM::Parameter": _parameter,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::Events::EventBus": _bus,
    RULE: _rule,
}
_KINDS = {
    "AWS::DynamoDB::Table": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::SNS::Topic": "topic",
    "AWS::SSM::Parameter": "parameter",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::Events::EventBus": "event bus",
    RULE: "rule",
}
