"""What `Ref` and `GetAtt` of a resource give: names, ARNs and URLs as they are in the local account."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from lambdatui.config.declared import partition, resource_name
from lambdatui.config.intrinsics import NO_VALUE, Names, Resolved, Resolver, Unresolved, as_written
from lambdatui.config.model import STREAM_LABEL, LoadOptions
from lambdatui.config.yaml_lines import Map, ParseError, Value, parse_json

FUNCTION_TYPES = {"AWS::Serverless::Function", "AWS::Lambda::Function"}
LAYER_TYPES = {"AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"}
TABLE_TYPES = {"AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable"}
_VERSION, _ALIAS = "AWS::Lambda::Version", "AWS::Lambda::Alias"
# The property that holds the name a person gave, where a type has one. `Ref` gives it, save for _REF_IS_ARN.
_NAME_PROPERTY = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Lambda::Function": "FunctionName",
    _ALIAS: "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Kinesis::StreamConsumer": "ConsumerName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::Serverless::LayerVersion": "LayerName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Events::EventBus": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::ApiGateway::Stage": "StageName",
    "AWS::ApiGatewayV2::Stage": "StageName",
}
# service:resource-prefix of the ARN; {region}/{account} are left out where AWS leaves them out.
_ARN = {
    "AWS::Serverless::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::Kinesis::Stream": "kinesis:{region}:{account}:stream/{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::DynamoDB::GlobalTable": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Serverless::SimpleTable": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Serverless::LayerVersion": "lambda:{region}:{account}:layer:{name}:1",
    "AWS::Lambda::LayerVersion": "lambda:{region}:{account}:layer:{name}:1",
    "AWS::SSM::Parameter": "ssm:{region}:{account}:parameter/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
    "AWS::Serverless::StateMachine": "states:{region}:{account}:stateMachine:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::KinesisFirehose::DeliveryStream": "firehose:{region}:{account}:deliverystream/{name}",
}
_REF_IS_ARN = {
    *LAYER_TYPES,
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
    "AWS::Serverless::StateMachine",
}
_FIFO = {"AWS::SQS::Queue": "FifoQueue", "AWS::SNS::Topic": "FifoTopic"}
_IMPLICIT_APIS = {"ServerlessRestApi": "Prod", "ServerlessHttpApi": "$default"}  # with their stages
_IMPLICIT_STAGES = {
    "ServerlessRestApiProdStage": "Prod",
    "ServerlessHttpApiApiGatewayDefaultStage": "$default",
}
_API_TYPES = {
    "AWS::Serverless::Api",
    "AWS::Serverless::HttpApi",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGatewayV2::Api",
}
# What the parts of APIs are called by each other: here, as by `Ref`, their logical id.
_API_ATTRIBUTES = {
    "RestApiId",
    "ApiId",
    "ResourceId",
    "AuthorizerId",
    "DeploymentId",
    "IntegrationId",
    "RootResourceId",
}
_NAME_ATTRIBUTES = {"QueueName", "TopicName", "Name", "RoleName", "ConsumerName"}
_CONSUMER = "AWS::Kinesis::StreamConsumer"
_BUCKET_ATTRIBUTES = {
    "DomainName": "{name}.s3.amazonaws.com",
    "RegionalDomainName": "{name}.s3.{region}.amazonaws.com",
    "DualStackDomainName": "{name}.s3.dualstack.{region}.amazonaws.com",
    "WebsiteURL": "http://{name}.s3-website-{region}.amazonaws.com",
}


@dataclass(frozen=True)
class Resource:
    """One entry of the template's Resources."""

    logical_id: str
    type: str
    properties: Map
    body: Map
    line: int | None


class TemplateNames(Names):
    """The names of one template's resources. Each name is worked out once."""

    def __init__(self, resources: dict[str, Resource], resolver: Resolver, options: LoadOptions) -> None:
        self.resources = resources
        self.resolver = resolver
        self.options = options
        self.published_alias: Value = None  # AutoPublishAlias of Globals
        self.left_out: set[str] = set()  # resources that are not here because of their conditions
        self.valid: Callable[[Resource, str], bool] = lambda resource, name: True
        self._names: dict[str, str | Unresolved] = {}
        self._open: set[str] = set()
        self._values: dict[tuple[str, str], Resolved] = {}
        self._asked: set[tuple[str, str]] = set()

    def name(self, resource: Resource) -> str | Unresolved:
        """The physical name: the name property's value, else the logical id (AWS would add random letters)."""
        if resource.logical_id in self._names:
            return self._names[resource.logical_id]
        if resource.logical_id in self._open:
            return Unresolved(f"the name of {resource.logical_id} depends on itself")
        self._open.add(resource.logical_id)
        try:
            found = self._worked_out(resource)
        finally:
            self._open.discard(resource.logical_id)
        self._names[resource.logical_id] = found
        return found

    def _value(self, resource: Resource, key: str) -> Resolved:
        """A property's value, worked out once: the values of resources may be made of each other's."""
        place = resource.logical_id, key
        if place not in self._values:
            if place in self._asked:
                return Unresolved(f"{key} of {resource.logical_id} depends on itself")
            self._asked.add(place)
            self._values[place] = self.resolver.resolve(resource.properties.get(key))
        return self._values[place]

    def _worked_out(self, resource: Resource) -> str | Unresolved:
        own = resource.properties.get(_NAME_PROPERTY.get(resource.type, ""))
        value = self.resolver.resolve(own) if own is not None else NO_VALUE
        if isinstance(value, Unresolved):
            return value
        if isinstance(value, str):
            written = as_written(value)
            if written and self.valid(resource, written):
                return written
        return self.default_name(resource)

    def default_name(self, resource: Resource) -> str:
        """The logical id; in lower case for a bucket, with `.fifo` for a FIFO queue or topic."""
        if resource.type == "AWS::S3::Bucket":
            return resource.logical_id.lower()
        fifo: Value = resource.properties.get(_FIFO.get(resource.type, ""))
        return resource.logical_id + ".fifo" * (isinstance(fifo, str) and fifo.lower() == "true")

    def arn(self, resource: Resource) -> str | Unresolved:
        """The ARN; Unresolved for types whose form is not known here."""
        name = self.name(resource)
        form = _ARN.get(resource.type)
        if isinstance(name, Unresolved):
            return name
        if form is None:
            return Unresolved(f"the ARN of {resource.logical_id}, of type {resource.type}, is only known in an account")
        name = name.lstrip("/") if resource.type == "AWS::SSM::Parameter" else name
        filled = form.format(region=self.options.region, account=self.options.account, name=name)
        return f"arn:{partition(self.options.region)}:{filled}"

    def url(self, name: str) -> str:
        """A queue's URL at the engine."""
        return f"{self.options.endpoint_url.rstrip('/')}/{self.options.account}/{name}"

    def ref(self, logical_id: str) -> Resolved:
        resource = self.resources.get(logical_id)
        if resource is None:
            return self._implicit(logical_id) or self._missing(logical_id)
        if resource.type in _REF_IS_ARN:
            return self.arn(resource)
        if resource.type == _VERSION:  # its number is known when it is published: $LATEST answers
            return self._qualified(resource, "$LATEST")
        if resource.type == _ALIAS:
            return self._qualified(resource, self.name(resource))
        if resource.type == _CONSUMER:
            return self._consumer_arn(resource)
        name = self.name(resource)
        if resource.type == "AWS::SQS::Queue" and isinstance(name, str):
            return self.url(name)
        return name

    def attribute(self, logical_id: str, name: str) -> Resolved:
        resource = self.resources.get(logical_id)
        if resource is None:
            return self._implicit_attribute(logical_id, name) or self._missing(logical_id)
        if name in {"Arn", "TopicArn", "LayerVersionArn"} or (
            name == "Id" and resource.type == "AWS::SecretsManager::Secret"
        ):
            return self.arn(resource)
        if name == "StreamArn" and resource.type in TABLE_TYPES:
            return self._stream_arn(resource)
        if resource.type == "AWS::S3::Bucket" and name in _BUCKET_ATTRIBUTES:
            bucket = self.name(resource)
            if isinstance(bucket, Unresolved):
                return bucket
            return _BUCKET_ATTRIBUTES[name].format(name=bucket, region=self.options.region)
        if resource.type == "AWS::SSM::Parameter" and name in {"Type", "Value"}:
            return self._value(resource, name)
        if name == "QueueUrl" and resource.type == "AWS::SQS::Queue":
            return self.ref(logical_id)
        if name in _NAME_ATTRIBUTES:
            return self.name(resource)
        if resource.type == _ALIAS and name == "AliasArn":
            return self.ref(logical_id)
        if resource.type == _VERSION and name in {"Version", "FunctionArn"}:
            return "$LATEST" if name == "Version" else self.ref(logical_id)
        if resource.type in FUNCTION_TYPES and name in {"Version", "Version.Version", "Alias"}:
            return self._published(resource, name)
        if resource.type == _CONSUMER and name == "ConsumerARN":
            return self._consumer_arn(resource)
        if name == "FunctionUrl" and resource.type == "AWS::Lambda::Url":
            target = self._value(resource, "TargetFunctionArn")
            return self._function_url(resource_name(target) if isinstance(target, str) else NO_VALUE)
        if resource.type.startswith("AWS::ApiGateway") or resource.type in _API_TYPES:
            return self._api_attribute(resource, name)
        if resource.type == "AWS::ElasticLoadBalancingV2::LoadBalancer" and name == "DNSName":
            return urlsplit(self.options.http_url).netloc
        return Unresolved(f"{logical_id}.{name} is only known in an account")

    def dynamic(self, service: str, reference: str) -> Resolved:
        """What the template's own parameters and secrets hold."""
        if service == "secretsmanager":
            parts = reference.split(":")
            name, rest = (parts[6:7], parts[7:]) if reference.startswith("arn:") else (parts[:1], parts[1:])
            secret = self._held("AWS::SecretsManager::Secret", name[0] if name else "")
            text = self._value(secret, "SecretString") if secret else None
            return _secret_part(text, rest[1] if len(rest) > 1 else "")
        parameter = self._held("AWS::SSM::Parameter", reference.partition(":")[0])
        if parameter is None:
            return super().dynamic(service, reference)
        return self._value(parameter, "Value")

    def _held(self, kind: str, name: str) -> Resource | None:
        return next((one for one in self.resources.values() if one.type == kind and self.name(one) == name), None)

    def _stream_arn(self, table: Resource) -> str | Unresolved:
        if not isinstance(table.properties.get("StreamSpecification"), Map):
            return Unresolved(f"{table.logical_id} declares no StreamSpecification")
        arn = self.arn(table)
        return arn if isinstance(arn, Unresolved) else f"{arn}/stream/{STREAM_LABEL}"

    def _consumer_arn(self, consumer: Resource) -> Resolved:
        """Of a stream's registered consumer; on AWS the time of its creation stands at the end."""
        stream, name = self._value(consumer, "StreamARN"), self.name(consumer)
        if not isinstance(stream, str) or isinstance(name, Unresolved):
            return name if isinstance(name, Unresolved) else stream
        return f"{as_written(stream)}/consumer/{name}:1"

    def _missing(self, logical_id: str) -> Unresolved:
        if logical_id in self.left_out:
            return Unresolved(f"{logical_id} is left out, because its condition is false")
        return Unresolved(f"nothing in the template is called {logical_id}")

    def _implicit(self, logical_id: str) -> Resolved:
        """What SAM adds by itself: the implicit APIs, and per function a role and an alias."""
        if logical_id in _IMPLICIT_APIS:
            return logical_id
        if logical_id in _IMPLICIT_STAGES:
            return _IMPLICIT_STAGES[logical_id]
        api, _, part = logical_id.partition(".")
        if part == "Stage" and (api in _IMPLICIT_APIS or api in self.resources):  # SAM's `!Ref Api.Stage`
            return self.attribute(api, part)
        if part in {"Alias", "Version"} and api in self.resources:  # those of its `AutoPublishAlias`
            return self.attribute(api, part)
        head, _, alias = logical_id.rpartition("Alias")
        if (function := self.resources.get(head)) is not None and alias == self._auto_alias(function):
            return self._published(function, "Alias")  # SAM's own logical id
        owner = self._owner(logical_id, "Role")
        return logical_id if owner else None

    def _auto_alias(self, function: Resource) -> str | None:
        """The AutoPublishAlias of a SAM function, which Globals may give to all of them."""
        if function.type != "AWS::Serverless::Function":
            return None
        written = function.properties.get("AutoPublishAlias", self.published_alias)
        alias = self.resolver.resolve(written)
        return as_written(alias) if isinstance(alias, str) else None

    def _published(self, function: Resource, name: str) -> Resolved:
        """What AutoPublishAlias adds to a function. The number of its version is not known here: $LATEST answers."""
        if name == "Version.Version":
            return "$LATEST"
        arn, alias = self.arn(function), self._auto_alias(function)
        qualifier = alias if name == "Alias" and alias else "$LATEST"
        return arn if isinstance(arn, Unresolved) else f"{arn}:{qualifier}"

    def _qualified(self, published: Resource, qualifier: str | Unresolved) -> Resolved:
        """The ARN of the function of a Version or Alias resource, with a qualifier."""
        function = self._value(published, "FunctionName")
        if not isinstance(function, str) or isinstance(qualifier, Unresolved):
            return qualifier if isinstance(qualifier, Unresolved) else function
        region, account = self.options.region, self.options.account
        base = as_written(function).split(":function:", 1)[-1].partition(":")[0]
        return f"arn:{partition(region)}:lambda:{region}:{account}:function:{base}:{qualifier}"

    def _api_attribute(self, resource: Resource, name: str) -> Resolved:
        """Of an API or a part of one: ids, and the addresses under which the engine serves it."""
        if name in _API_ATTRIBUTES:
            return resource.logical_id
        if name in {"ApiEndpoint", "ApiUrl"}:
            return self.api_address(resource.logical_id)
        if name == "Stage" and resource.type in _API_TYPES:
            stage = self._value(resource, "StageName")
            return stage if isinstance(stage, (str, Unresolved)) else "$default"
        return Unresolved(f"{resource.logical_id}.{name} is only known in an account")

    def api_address(self, api: str) -> str:
        """An API's own address at the trigger port, whatever other APIs take there."""
        return f"{self.options.http_url.rstrip('/')}/_api/{api}"

    def _implicit_attribute(self, logical_id: str, name: str) -> Resolved:
        if logical_id in _IMPLICIT_APIS and name == "Stage":
            return _IMPLICIT_APIS[logical_id]
        if logical_id in _IMPLICIT_APIS and name in _API_ATTRIBUTES:
            return logical_id
        if logical_id in _IMPLICIT_APIS and name == "ApiEndpoint":
            return self.api_address(logical_id)
        if self._owner(logical_id, "Role") and name == "Arn":
            return f"arn:{partition(self.options.region)}:iam::{self.options.account}:role/{logical_id}"
        if self._owner(logical_id, "Url") and name == "FunctionUrl":
            owner = self.resources[logical_id.removesuffix("Url")]
            return self._function_url(self.name(owner))
        return None

    def _function_url(self, function: Resolved) -> Resolved:
        """The function's own address at the trigger port: it stays right where several functions have one."""
        if not isinstance(function, str):
            return Unresolved("its function is not known")
        return f"{self.options.http_url.rstrip('/')}/_url/{function}/"

    def _owner(self, logical_id: str, suffix: str) -> Resource | None:
        owner = self.resources.get(logical_id.removesuffix(suffix)) if logical_id.endswith(suffix) else None
        return owner if owner and owner.type in FUNCTION_TYPES else None


def _secret_part(text: Resolved, key: str) -> Resolved:
    """A secret's text, or one value of the JSON in it."""
    if not isinstance(text, str) or not key:
        return text if isinstance(text, str) else Unresolved("the secret has no text of its own")
    with suppress(ParseError):
        value = parse_json(text).value
        if isinstance(value, Map) and isinstance(value.get(key), str):
            return value[key]
    return Unresolved(f"the secret has no key {key}")
