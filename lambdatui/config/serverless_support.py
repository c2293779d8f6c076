"""What of serverless.yml is served here, as data like support.py: keys, events and plugins by their own names.

https://www.serverless.com/framework/docs/providers/aws/guide/serverless.yml
"""

from __future__ import annotations

from collections.abc import Iterable

from lambdatui.config.support import Support, Table

_SERVED = Support("served")
_KEPT = Support("kept")
_UNPUBLISHED = Support("kept", "versions are published where an alias asks for them")
_SAMPLE = "Invoke the function with a sample: lambdatui event lists them."


def _table(served: Iterable[str], kept: Iterable[str] = (), **others: Support) -> Table:
    return {**dict.fromkeys(served, _SERVED), **dict.fromkeys(kept, _KEPT), **others}


def _event(kind: str) -> Support:
    return Support("not served", f"events of type {kind} are not served", _SAMPLE)


TOP: Table = _table(
    ("service", "provider", "functions", "layers", "resources", "params", "stages", "custom", "plugins", "package"),
    (
        "app",
        "build",
        "configValidationMode",
        "console",
        "deprecationNotificationMode",
        "disabledDeprecations",
        "enableLegacyDeploymentBucket",
        "enableLocalInstallationFallback",
        "frameworkVersion",
        "licenseKey",
        "org",
        "outputs",
        "projectDir",
        "tenant",
        "unresolvedVariablesNotificationMode",
        "variablesResolutionMode",
    ),
    constructs=Support("served", "of serverless-lift: queue, storage and database/dynamodb-single-table"),
    useDotenv=Support("served", ".env and .env.STAGE; always with version 4"),
)

# Of these, functions may override all that they have too.
_SHARED = ("runtime", "memorySize", "timeout", "environment", "layers", "architecture", "vpc", "role", "tags")
_SHARED_KEPT = (
    "disableLogs",
    "iamRoleStatements",
    "iamRoleStatementsName",
    "iamRoleStatementsInherit",
    "kmsKeyArn",
    "logDataProtectionPolicy",
    "logRetentionInDays",
    "runtimeManagement",
    "snapStart",
    "tracing",
)
PROVIDER: Table = _table(
    (*_SHARED, "stage", "stackName", "s3", "eventBridge"),
    (
        *_SHARED_KEPT,
        "apiKeys",
        "apiName",
        "cfLogs",
        "cfnRole",
        "cloudFront",
        "deploymentBucket",
        "deploymentMethod",
        "deploymentPrefix",
        "disableDefaultOutputExportNames",
        "disableRollback",
        "ecr",
        "endpointType",
        "iam",
        "iamManagedPolicies",
        "lambdaHashingVersion",
        "notificationArns",
        "profile",
        "resolver",
        "resourcePolicy",
        "rolePermissionsBoundary",
        "rollbackConfiguration",
        "stackParameters",
        "stackPolicy",
        "stackTags",
        "timeoutInMillis",
        "usagePlan",
        "vpcEndpointIds",
        "websocket",
        "websocketsApiName",
        "websocketsApiRouteSelectionExpression",
        "websocketsDescription",
        "kinesis",
    ),
    name=Support("served", "aws"),
    region=Support("served", "unless --region names another"),
    apiGateway=Support("served", "binaryMediaTypes; the rest is kept"),
    httpApi=Support("served", "cors, authorizers, payload, name"),
    logs=Support("served", "lambda: as of a function; the rest is kept"),
    versionFunctions=_UNPUBLISHED,
    alb=Support("kept", "authorizers of load balancers are not served"),
)
FUNCTION: Table = _table(
    (
        *_SHARED,
        "handler",
        "name",
        "events",
        "description",
        "reservedConcurrency",
        "maximumRetryAttempts",
        "maximumEventAge",
        "condition",
        "url",
    ),
    (*_SHARED_KEPT, "awsKmsKeyArn", "build", "dependsOn", "fileSystemConfig"),
    onError=Support("served", "an SQS queue or an SNS topic"),
    destinations=Support("served", "queues, topics, functions, event buses; onFailure buckets too"),
    module=Support("served", "of serverless-python-requirements with package.individually"),
    package=Support("served", "artifact, where it is there; patterns are kept: the folder is the code"),
    image=Support("kept", "a function with an image is listed and does not run"),
    imageConfig=Support("kept", "a function with an image is listed and does not run"),
    provisionedConcurrency=Support("served", "by the framework's alias `provisioned`, which events and routes reach"),
    logs=Support("served", "logFormat, applicationLogLevel, systemLogLevel, logGroup"),
    ephemeralStorageSize=_SERVED,
    versionFunction=_UNPUBLISHED,
)
LAYER: Table = _table(
    ("path", "name"),
    (
        "allowedAccounts",
        "compatibleArchitectures",
        "compatibleRuntimes",
        "description",
        "licenseInfo",
        "retain",
    ),
    package=Support("served", "artifact"),
)
EVENTS: Table = {
    **_table(("http", "httpApi", "sqs", "schedule", "s3", "sns", "eventBridge", "cloudwatchEvent")),
    "stream": Support("served", "of Kinesis streams and of the project's tables"),
    "alb": Support("served", "conditions; without authorizers"),
    **{
        kind: _event(kind)
        for kind in (
            "activemq",
            "alexaSkill",
            "alexaSmartHome",
            "cloudFront",
            "cloudwatchLog",
            "cognitoUserPool",
            "iot",
            "iotFleetProvisioning",
            "kafka",
            "msk",
            "rabbitmq",
            "websocket",
        )
    },
}
HTTP: Table = _table(
    ("method", "path", "cors", "authorizer"),
    (
        "connectionId",
        "connectionType",
        "documentation",
        "operationId",
        "request",
        "response",
        "responseTransferMode",
        "summary",
        "timeoutInMillis",
        "swaggerTags",
    ),
    integration=Support("served", "lambda-proxy; routes with another answer with an error"),
    private=Support("kept", "API keys are not checked"),
    **{"async": Support("served", "such a route answers with an error: its integration is none with a proxy")},
)
HTTP_API: Table = _table(("method", "path", "authorizer"), ("documentation", "operationId", "timeout"))
SQS: Table = _table(
    (
        "arn",
        "batchSize",
        "enabled",
        "filterPatterns",
        "functionResponseType",
        "maximumBatchingWindow",
        "maximumConcurrency",
        "metricsConfig",
    ),
    ("provisionedPollerConfig",),
)
STREAM: Table = _table(
    (
        "arn",
        "batchSize",
        "batchWindow",
        "bisectBatchOnFunctionError",
        "destinations",
        "enabled",
        "filterPatterns",
        "functionResponseType",
        "maximumRecordAgeInSeconds",
        "maximumRetryAttempts",
        "metricsConfig",
        "parallelizationFactor",
        "startingPosition",
        "startingPositionTimestamp",
        "tumblingWindowInSeconds",
        "type",
    ),
    ("consumer",),
)
SCHEDULE: Table = _table(
    ("rate", "enabled", "input", "timezone"),
    ("name", "description", "method", "roleArn"),
    inputPath=Support("not served", "the path of a schedule's input is not served: the whole event comes", _SAMPLE),
    inputTransformer=Support("not served", "input transformers of schedules are not served", _SAMPLE),
)
S3: Table = _table(("bucket", "event", "rules"), ("existing", "forceDeploy"))
SNS: Table = _table(
    ("arn", "topicName", "filterPolicy", "filterPolicyScope", "redrivePolicy"),
    ("displayName", "kmsMasterKeyId"),
)
EVENT_BRIDGE: Table = _table(
    (
        "eventBus",
        "schedule",
        "pattern",
        "input",
        "inputPath",
        "inputTransformer",
        "enabled",
        "deadLetterQueueArn",
    ),
    ("name", "description", "retryPolicy"),
)
CLOUDWATCH_EVENT: Table = _table(
    ("event", "input", "inputPath", "inputTransformer", "enabled"), ("name", "description")
)
# Plugins without a say in what runs here, and those whose settings are read.
PLUGINS: Table = {
    "serverless-python-requirements": Support("served", "fileName, individually with module, layer"),
    "serverless-lift": Support("served", "constructs, as above"),
    "serverless-dotenv-plugin": Support("served", ".env and .env.STAGE, also as the functions' variables"),
    "serverless-apigw-binary": Support("served", "custom.apigwBinary.types"),
    "serverless-wsgi": Support("served", "custom.wsgi.app and textMimeTypes; its commands (sls wsgi) are not"),
    "serverless-pseudo-parameters": Support("served", "#{AWS::AccountId} and its like"),
    **dict.fromkeys(
        (
            "serverless-api-gateway-caching",
            "serverless-api-gateway-throttling",
            "serverless-associate-waf",
            "serverless-better-credentials",
            "serverless-deployment-bucket",
            "serverless-disable-request-validators",
            "serverless-domain-manager",
            "serverless-dynamodb",
            "serverless-dynamodb-autoscaling",
            "serverless-dynamodb-local",
            "serverless-export-env",
            "serverless-hooks-plugin",
            "serverless-iam-roles-per-function",
            "serverless-localstack",
            "serverless-offline",
            "serverless-offline-sns",
            "serverless-offline-sqs",
            "serverless-openapi-documenter",
            "serverless-plugin-aws-alerts",
            "serverless-plugin-canary-deployments",
            "serverless-plugin-common-excludes",
            "serverless-plugin-include-dependencies",
            "serverless-plugin-log-retention",
            "serverless-plugin-resource-tagging",
            "serverless-plugin-split-stacks",
            "serverless-plugin-tracing",
            "serverless-prune-plugin",
            "serverless-s3-local",
            "serverless-stack-termination-protection",
            "serverless-webpack",
            "serverless-esbuild",
        ),
        _KEPT,
    ),
}
TABLES: dict[str, Table] = {
    "serverless.yml": TOP,
    "serverless.yml: provider": PROVIDER,
    "serverless.yml: functions": FUNCTION,
    "serverless.yml: layers": LAYER,
    "serverless.yml: events": EVENTS,
    "serverless.yml: http": HTTP,
    "serverless.yml: httpApi": HTTP_API,
    "serverless.yml: sqs": SQS,
    "serverless.yml: stream": STREAM,
    "serverless.yml: schedule": SCHEDULE,
    "serverless.yml: s3": S3,
    "serverless.yml: sns": SNS,
    "serverless.yml: eventBridge": EVENT_BRIDGE,
    "serverless.yml: cloudwatchEvent": CLOUDWATCH_EVENT,
    "serverless.yml: plugins": PLUGINS,
}
