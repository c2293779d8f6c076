"""What of templates is served here, as data: the readers decide by these tables, and docs/support.md is made of them.

`served`: it works as on AWS, but for what the note says. `kept`: it means nothing on one machine; it is shown, and
nothing is said about it. `not served`: whoever relies on it is told so, with what to do instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["served", "kept", "not served"]


@dataclass(frozen=True)
class Support:
    """One row. `note` completes "NAME: …"; `remedy` is the sentence that a person gets where it is not served."""

    status: Status
    note: str = ""
    remedy: str = ""


Table = dict[str, Support]


def _served(note: str = "") -> Support:
    return Support("served", note)


def _kept(note: str = "") -> Support:
    return Support("kept", note)


def _not(note: str, remedy: str) -> Support:
    return Support("not served", note, remedy)


_IN_MEMORY = "by the local AWS (--aws), in memory"
_STATE_MACHINE = _not("state machines are not served", "Invoke the functions of its steps.")
_SAMPLE = "Invoke the function with a sample: lambdatui event lists them."

_AUTHORIZERS = "Lambda authorizers; requests pass without the others (JWT, Cognito, IAM)"
WEBSOCKET = _not("WebSocket APIs are not served", "Invoke the functions of its routes directly.")

# Resource types. A name that ends in * stands for all that begin so.
RESOURCES: Table = {
    "AWS::Serverless::Function": _served(),
    "AWS::Serverless::LayerVersion": _served("from a folder or a local archive"),
    "AWS::Serverless::Api": _served(),
    "AWS::Serverless::HttpApi": _served(),
    "AWS::Serverless::SimpleTable": _served(_IN_MEMORY),
    "AWS::Serverless::Connector": _kept("permissions are not checked"),
    "AWS::Serverless::Application": _not(
        "nested applications are not served", "Run their folder by itself: lambdatui run FOLDER."
    ),
    "AWS::Serverless::StateMachine": _STATE_MACHINE,
    "AWS::Serverless::GraphQLApi": _not("GraphQL APIs are not served", "Invoke the functions directly."),
    "AWS::Serverless::CapacityProvider": _kept("environments are processes of this machine"),
    "AWS::Lambda::Function": _served(),
    "AWS::Lambda::LayerVersion": _served("from a folder or a local archive"),
    "AWS::Lambda::EventSourceMapping": _served("of SQS queues, Kinesis streams and DynamoDB streams"),
    "AWS::Lambda::EventInvokeConfig": _served("for the whole function, whatever its Qualifier"),
    "AWS::Lambda::Url": _served(),
    "AWS::Lambda::Version": _served("each new code is published where an alias asks for it; references reach $LATEST"),
    "AWS::Lambda::Alias": _served("one more version with a weight; provisioned concurrency"),
    "AWS::Lambda::Permission": _kept("permissions are not checked"),
    "AWS::Lambda::LayerVersionPermission": _kept("permissions are not checked"),
    "AWS::Lambda::CodeSigningConfig": _kept("signatures of code are not checked"),
    "AWS::SQS::Queue": _served("by the engine, durable"),
    "AWS::SQS::QueuePolicy": _kept("permissions are not checked"),
    "AWS::SQS::QueueInlinePolicy": _kept("permissions are not checked"),
    "AWS::Kinesis::Stream": _served("by the engine, durable"),
    "AWS::Kinesis::StreamConsumer": _kept("the stream itself is read"),
    "AWS::DynamoDB::Table": _served(f"{_IN_MEMORY}; its stream by the engine"),
    "AWS::DynamoDB::GlobalTable": _served(f"as a table: {_IN_MEMORY}"),
    "AWS::S3::Bucket": _served(_IN_MEMORY),
    "AWS::S3::BucketPolicy": _kept("permissions are not checked"),
    "AWS::SNS::Topic": _served(_IN_MEMORY),
    "AWS::SNS::Subscription": _served("to functions and queues of the project"),
    "AWS::SNS::TopicPolicy": _kept("permissions are not checked"),
    "AWS::SSM::Parameter": _served(_IN_MEMORY),
    "AWS::SecretsManager::Secret": _served(_IN_MEMORY),
    "AWS::SecretsManager::*": _kept("rotation and policies mean nothing here"),
    "AWS::Events::EventBus": _served(_IN_MEMORY),
    "AWS::Events::Rule": _served("schedules and patterns whose targets are functions or queues of the project"),
    "AWS::Events::EventBusPolicy": _kept("permissions are not checked"),
    "AWS::Scheduler::Schedule": _served("whose target is a function of the project"),
    "AWS::Scheduler::ScheduleGroup": _kept(),
    "AWS::StepFunctions::StateMachine": _STATE_MACHINE,
    "AWS::CloudFormation::Stack": _not(
        "nested stacks are not served", "Run their template's folder by itself: lambdatui run FOLDER."
    ),
    "AWS::CloudFormation::CustomResource": _kept("custom resources are not called"),
    "AWS::CloudFormation::WaitCondition": _kept(),
    "AWS::CloudFormation::WaitConditionHandle": _kept(),
    "AWS::CloudFormation::Macro": _kept("macros are not applied"),
    "AWS::Serverless::WebSocketApi": WEBSOCKET,
    "AWS::ApiGateway::RestApi": _served("Body too; other bodies in S3 cannot be had"),
    "AWS::ApiGateway::Resource": _served(),
    "AWS::ApiGateway::Method": _served("AWS_PROXY, and MOCK as the answer to preflights; others are refused"),
    "AWS::ApiGateway::Stage": _served("the first of an API"),
    "AWS::ApiGateway::Deployment": _served("its stage"),
    "AWS::ApiGateway::Authorizer": _served(_AUTHORIZERS),
    "AWS::ApiGateway::BasePathMapping": _served(),
    "AWS::ApiGateway::*": _kept(),
    "AWS::ApiGatewayV2::Api": _served("HTTP; WebSocket APIs are not"),
    "AWS::ApiGatewayV2::Integration": _served("AWS_PROXY with functions; others are refused"),
    "AWS::ApiGatewayV2::Route": _served(),
    "AWS::ApiGatewayV2::Stage": _served("the first of an API"),
    "AWS::ApiGatewayV2::Authorizer": _served(_AUTHORIZERS),
    "AWS::ApiGatewayV2::ApiMapping": _served(),
    "AWS::ApiGatewayV2::*": _kept(),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _served("with targets that are functions"),
    "AWS::ElasticLoadBalancingV2::Listener": _served("forwards to functions"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": _served("forwards to functions"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _served("of type lambda"),
    "AWS::ElasticLoadBalancingV2::*": _kept(),
    "AWS::IAM::*": _kept("permissions are not checked"),
    "AWS::KMS::*": _kept("nothing is encrypted"),
    "AWS::EC2::*": _kept("there is no VPC here"),
    "AWS::Logs::*": _kept("the engine keeps the logs"),
    "AWS::CloudWatch::*": _kept("alarms and dashboards mean nothing here"),
    "AWS::XRay::*": _kept(),
    "AWS::CDK::*": _kept(),
    "AWS::CodeDeploy::*": _kept("deployments mean nothing here"),
    "AWS::ApplicationAutoScaling::*": _kept(),
    "AWS::ApplicationInsights::*": _kept(),
    "AWS::ResourceGroups::*": _kept(),
    "AWS::WAFv2::*": _kept("requests are not filtered"),
    "AWS::Route53::*": _kept(),
    "AWS::CertificateManager::*": _kept(),
    "AWS::CloudFront::*": _kept("call the origin's own address"),
    "AWS::SSM::*": _kept(),
    "Custom::S3BucketNotifications": _served("CDK's notifications of a bucket"),
    "Custom::*": _kept("custom resources are not called"),
}

_FUNCTION: Table = {
    "Architectures": _kept("code runs on this machine's processor"),
    "CapacityProviderConfig": _kept(),
    "CodeSigningConfigArn": _kept("signatures are not checked"),
    "Description": _served(),
    "DurableConfig": _not("durable executions are not served", "Each invocation runs from its beginning."),
    "Environment": _served(),
    "EphemeralStorage": _served(),
    "FileSystemConfigs": _not("file systems are not mounted", "Use a folder that exists on this machine."),
    "FunctionName": _served(),
    "FunctionScalingConfig": _kept(),
    "Handler": _served(),
    "ImageConfig": _kept("container images are not served"),
    "KmsKeyArn": _kept("variables are not encrypted"),
    "Layers": _served(
        "the template's; Powertools and AWS SDK for pandas from PyPI; of others it is said what replaces them"
    ),
    "LoggingConfig": _served(),
    "MemorySize": _served(),
    "PackageType": _served("Zip; a function of type Image is listed and does not run"),
    "PublishToLatestPublished": _kept(),
    "RecursiveLoop": _served(),
    "ReservedConcurrentExecutions": _served(),
    "Role": _kept("permissions are not checked"),
    "Runtime": _served("Python; others are listed and do not run"),
    "RuntimeManagementConfig": _kept(),
    "SnapStart": _kept(),
    "Tags": _kept(),
    "TenancyConfig": _kept(),
    "Timeout": _served(),
    "VpcConfig": _kept("the network is this machine's"),
}
SAM_FUNCTION: Table = _FUNCTION | {
    "AssumeRolePolicyDocument": _kept("permissions are not checked"),
    "AutoPublishAlias": _served("each new code is published as a version; events and routes reach it by the alias"),
    "AutoPublishAliasAllProperties": _kept(),
    "AutoPublishCodeSha256": _kept(),
    "CodeUri": _served("a folder, a file, an archive or nothing; not S3"),
    "DeadLetterQueue": _served("an SQS queue or an SNS topic"),
    "DeploymentPreference": _kept("deployments mean nothing here"),
    "EventInvokeConfig": _served(
        "destinations of every kind: queue, topic, function, event bus; OnFailure a bucket too"
    ),
    "Events": _served("by type, as below"),
    "FunctionUrlConfig": _served(),
    "ImageUri": _kept("a function of type Image is listed and does not run"),
    "InlineCode": _served(),
    "MultiTenancyConfig": _kept(),
    "PermissionsBoundary": _kept("permissions are not checked"),
    "Policies": _kept("permissions are not checked"),
    "PropagateTags": _kept(),
    "ProvisionedConcurrencyConfig": _served("with AutoPublishAlias"),
    "RolePath": _kept("permissions are not checked"),
    "SourceKMSKeyArn": _kept(),
    "Tracing": _kept(),
    "VersionDeletionPolicy": _kept(),
    "VersionDescription": _kept(),
}
CFN_FUNCTION: Table = _FUNCTION | {
    "Code": _served("ZipFile, a folder, an archive or a CDK asset; not S3"),
    "DeadLetterConfig": _served("an SQS queue or an SNS topic"),
    "TracingConfig": _kept(),
}

LAYER: Table = {
    "CompatibleArchitectures": _kept(),
    "CompatibleRuntimes": _kept(),
    "Content": _served("a folder, an archive or a CDK asset; not S3"),
    "ContentUri": _served("a folder or an archive; not S3"),
    "Description": _kept(),
    "LayerName": _served(),
    "LicenseInfo": _kept(),
    "PublishLambdaVersion": _kept(),
    "RetentionPolicy": _kept(),
}

# Event types of a SAM function.
EVENTS: Table = {
    "S3": _served("objects that are created or removed through the engine's endpoint"),
    "SNS": _served("messages that are published through the engine's endpoint"),
    "Kinesis": _served(),
    "DynamoDB": _served("the stream of a table of the template"),
    "SQS": _served(),
    "Api": _served(),
    "HttpApi": _served(),
    "Schedule": _served(),
    "ScheduleV2": _served(),
    "CloudWatchEvent": _served("events that are put through the engine's endpoint, and those of S3 buckets"),
    "EventBridgeRule": _served("events that are put through the engine's endpoint, and those of S3 buckets"),
    "CloudWatchLogs": _not("events of type CloudWatchLogs are not served", _SAMPLE),
    "IoTRule": _not("events of type IoTRule are not served", _SAMPLE),
    "AlexaSkill": _not("events of type AlexaSkill are not served", _SAMPLE),
    "Cognito": _not("events of type Cognito are not served", _SAMPLE),
    "MSK": _not("events of type MSK are not served", _SAMPLE),
    "MQ": _not("events of type MQ are not served", _SAMPLE),
    "SelfManagedKafka": _not("events of type SelfManagedKafka are not served", _SAMPLE),
    "DocumentDB": _not("events of type DocumentDB are not served", _SAMPLE),
}

_STREAM: Table = {
    "BatchSize": _served(),
    "BisectBatchOnFunctionError": _served(),
    "DestinationConfig": _served("OnFailure: an SQS queue, an SNS topic or an S3 bucket"),
    "Enabled": _served(),
    "FilterCriteria": _served(),
    "FunctionResponseTypes": _served(),
    "KmsKeyArn": _kept(),
    "MaximumBatchingWindowInSeconds": _served(),
    "MaximumRecordAgeInSeconds": _served(),
    "MaximumRetryAttempts": _served(),
    "MetricsConfig": _served(),
    "ParallelizationFactor": _served(),
    "StartingPosition": _served(),
    "StartingPositionTimestamp": _served(),
    "Stream": _served(),
    "TumblingWindowInSeconds": _served(),
}
_RULE: Table = {
    "DeadLetterConfig": _served(),
    "Enabled": _served(),
    "EventBusName": _served(),
    "Input": _served(),
    "InputPath": _served(),
    "InputTransformer": _served(),
    "Pattern": _served(),
    "RetryPolicy": _kept("the function's own EventInvokeConfig counts"),
    "RuleName": _kept(),
    "State": _served(),
    "Target": _kept(),
}
# Properties of an event, by its type.
EVENT_PROPERTIES: dict[str, Table] = {
    "SQS": {
        "BatchSize": _served(),
        "Enabled": _served(),
        "FilterCriteria": _served(),
        "FunctionResponseTypes": _served(),
        "KmsKeyArn": _kept(),
        "MaximumBatchingWindowInSeconds": _served(),
        "MetricsConfig": _served(),
        "ProvisionedPollerConfig": _kept(),
        "Queue": _served(),
        "ScalingConfig": _served("MaximumConcurrency"),
    },
    "Kinesis": _STREAM | {"FunctionScalingConfig": _kept()},
    "DynamoDB": _STREAM,
    "S3": {
        "Bucket": _served(),
        "Events": _served("s3:ObjectCreated and s3:ObjectRemoved"),
        "Filter": _served(),
    },
    "SNS": {
        "FilterPolicy": _served(),
        "FilterPolicyScope": _served(),
        "RedrivePolicy": _served(),
        "Region": _kept(),
        "SqsSubscription": _served(),
        "Topic": _served(),
    },
    "CloudWatchEvent": _RULE,
    "EventBridgeRule": _RULE,
    "Schedule": {
        "DeadLetterConfig": _kept("a schedule's event is queued until its function takes it"),
        "Description": _kept(),
        "Enabled": _served(),
        "Input": _served(),
        "Name": _kept(),
        "RetryPolicy": _kept("the function's own EventInvokeConfig counts"),
        "RoleArn": _kept(),
        "Schedule": _served(),
        "State": _served(),
    },
    "ScheduleV2": {
        "DeadLetterConfig": _kept("a schedule's event is queued until its function takes it"),
        "Description": _kept(),
        "EndDate": _not("the end of a schedule is not served", "Disable it with State: DISABLED."),
        "FlexibleTimeWindow": _kept(),
        "GroupName": _kept(),
        "Input": _served(),
        "KmsKeyArn": _kept(),
        "Name": _kept(),
        "OmitName": _kept(),
        "PermissionsBoundary": _kept(),
        "RetryPolicy": _kept("the function's own EventInvokeConfig counts"),
        "RoleArn": _kept(),
        "ScheduleExpression": _served("rate, cron and at"),
        "ScheduleExpressionTimezone": _served(),
        "StartDate": _not("the beginning of a schedule is not served", "It begins with the engine."),
        "State": _served(),
    },
}

# APIs of SAM.
_ANY_API: Table = {
    "AccessLogSetting": _kept("the engine logs every request"),
    "Auth": _served("as below"),
    "DefinitionBody": _served("paths with integrations, authorizers, CORS; AWS::Include of local files"),
    "DefinitionUri": _served("a local file; not S3"),
    "Description": _kept(),
    "Domain": _served("base paths; domains have no certificates or names here"),
    "Name": _served(),
    "PropagateTags": _kept(),
    "StageName": _served(),
    "Tags": _kept(),
}
SAM_API: Table = _ANY_API | {
    "AlwaysDeploy": _kept(),
    "ApiKeySourceType": _kept("API keys are not checked"),
    "BinaryMediaTypes": _served(),
    "CacheClusterEnabled": _kept("answers are not cached"),
    "CacheClusterSize": _kept("answers are not cached"),
    "CanarySetting": _kept(),
    "Cors": _served(),
    "DisableExecuteApiEndpoint": _kept(),
    "EndpointAccessMode": _kept(),
    "EndpointConfiguration": _kept(),
    "FailOnWarnings": _kept(),
    "GatewayResponses": _kept("AWS's own answers are given"),
    "MergeDefinitions": _kept(),
    "MethodSettings": _kept(),
    "MinimumCompressionSize": _kept("answers are not compressed"),
    "Mode": _kept(),
    "Models": _kept("requests are not validated"),
    "OpenApiVersion": _kept(),
    "Policy": _kept("permissions are not checked"),
    "SecurityPolicy": _kept(),
    "TracingEnabled": _kept(),
    "Variables": _served(),
}
SAM_HTTP_API: Table = _ANY_API | {
    "AccessLogSettings": _kept("the engine logs every request"),
    "CorsConfiguration": _served(),
    "DefaultRouteSettings": _kept(),
    "DisableExecuteApiEndpoint": _kept(),
    "FailOnWarnings": _kept(),
    "RouteSettings": _kept(),
    "StageVariables": _served(),
}
CFN_REST_API: Table = {
    "BinaryMediaTypes": _served(),
    "Body": _served("as DefinitionBody"),
    "BodyS3Location": _served("a local file; not S3"),
    "Name": _served(),
}
CFN_HTTP_API: Table = {
    "Body": _served("as DefinitionBody"),
    "BodyS3Location": _served("a local file; not S3"),
    "CorsConfiguration": _served(),
    "Name": _served(),
    "ProtocolType": _served("HTTP"),
    "RouteKey": _served(),
    "Target": _served("a function"),
}
SAM_AUTH: Table = {
    "AddApiKeyRequiredToCorsPreflight": _kept(),
    "AddDefaultAuthorizerToCorsPreflight": _served("preflights pass"),
    "ApiKeyRequired": _served("told; requests pass without a key"),
    "Authorizers": _served(_AUTHORIZERS),
    "DefaultAuthorizer": _served(),
    "EnableIamAuthorizer": _served("requests pass without it"),
    "InvokeRole": _kept("permissions are not checked"),
    "ResourcePolicy": _kept("permissions are not checked"),
    "UsagePlan": _kept("API keys are not checked"),
}
EVENT_PROPERTIES["Api"] = {
    "Auth": _served("Authorizer; API keys are not checked"),
    "Method": _served(),
    "Path": _served(),
    "RequestModel": _kept("requests are not validated"),
    "RequestParameters": _kept("requests are not validated"),
    "ResponseTransferMode": _kept("answers come whole"),
    "RestApiId": _served(),
    "TimeoutInMillis": _kept("the function's own timeout counts"),
}
EVENT_PROPERTIES["HttpApi"] = {
    "ApiId": _served(),
    "Auth": _served("Authorizer"),
    "Method": _served(),
    "Path": _served(),
    "PayloadFormatVersion": _served(),
    "RouteSettings": _kept(),
    "TimeoutInMillis": _kept("the function's own timeout counts"),
}

# What docs/support.md shows, in this order.
TABLES: dict[str, Table] = {
    "Resources": RESOURCES,
    "Properties of AWS::Serverless::Function": SAM_FUNCTION,
    "Properties of AWS::Lambda::Function": CFN_FUNCTION,
    "Properties of layers": LAYER,
    "Properties of AWS::Serverless::Api": SAM_API,
    "Properties of AWS::Serverless::HttpApi": SAM_HTTP_API,
    "Auth of an API": SAM_AUTH,
    "Properties of AWS::ApiGateway::RestApi": CFN_REST_API,
    "Properties of AWS::ApiGatewayV2::Api": CFN_HTTP_API,
    "Events of a SAM function": EVENTS,
    **{f"Properties of a {kind} event": table for kind, table in EVENT_PROPERTIES.items()},
}


def of_resource(kind: str) -> Support | None:
    """The row of a resource type: its own, else that of its family; None where it is not known."""
    if kind in RESOURCES:
        return RESOURCES[kind]
    families = (key for key in RESOURCES if key.endswith("*") and kind.startswith(key[:-1]))
    return next((RESOURCES[key] for key in families), None)


def nearest_resource(kind: str) -> str | None:
    """The type that a slip of the pen meant. AWS has many that are not listed here, so it has to be near."""
    named = {key.lower(): key for key in RESOURCES if not key.endswith("*")}
    whole = kind.startswith("AWS::Serverless::")  # SAM's are all here
    import difflib

    hits = difflib.get_close_matches(kind.lower(), named, n=1, cutoff=0.6 if whole else 0.94)
    return named[hits[0]] if hits else None
