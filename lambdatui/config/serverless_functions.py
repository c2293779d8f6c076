"""Functions and layers of serverless.yml as AWS::Serverless::Function and LayerVersion."""

from __future__ import annotations

from lambdatui.config.finding import exists
from lambdatui.config.intrinsics import Unresolved, as_written
from lambdatui.config.sam_functions import FUNCTION_NAME
from lambdatui.config.serverless_events import function_events
from lambdatui.config.serverless_http import url_config
from lambdatui.config.serverless_service import (
    Service,
    arn,
    function_id,
    joined,
    listed,
    made,
    mapping,
    normalized,
    put,
    renamed,
    text,
    truth,
)
from lambdatui.config.serverless_support import FUNCTION, LAYER
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

PYTHON_LAYER = "PythonRequirementsLambdaLayer"  # what serverless-python-requirements makes with `layer: true`
_MEMORY, _TIMEOUT = "1024", "6"  # the framework's defaults, not Lambda's
_DEFAULT_RUNTIME = "nodejs20.x"  # the framework's
PROVISIONED_ALIAS = "provisioned"  # the framework's: what invokes such a function names it
_LOGS = {
    "logFormat": "LogFormat",
    "applicationLogLevel": "ApplicationLogLevel",
    "systemLogLevel": "SystemLogLevel",
    "logGroup": "LogGroup",
}
# What both the provider and a function may set, in SAM's words.
_SHARED = {
    "runtime": "Runtime",
    "memorySize": "MemorySize",
    "timeout": "Timeout",
    "role": "Role",
    "kmsKeyArn": "KmsKeyArn",
    "vpc": "VpcConfig",
    "snapStart": "SnapStart",
    "runtimeManagement": "RuntimeManagementConfig",
}
_OWN = {
    **_SHARED,
    "tracing": "Tracing",
    "handler": "Handler",
    "description": "Description",
    "reservedConcurrency": "ReservedConcurrentExecutions",
    "fileSystemConfig": "FileSystemConfigs",
}


def add_functions(service: Service) -> None:
    """Add a resource for each function, and the role that they share."""
    role = made(None, RoleName=Text(f"{service.name}-{service.stage}-lambdaRole"))
    service.add("IamRoleLambdaExecution", "AWS::IAM::Role", role, service.provider.line)
    for key, values in service.functions.items():
        _add_function(service, key, values)


def _add_function(service: Service, key: str, values: Map) -> None:
    line = values.line
    if not FUNCTION_NAME.fullmatch(key):
        service.problems.error(
            f"the function key {key[:80]!r} is not valid: letters, digits, - and _, at most 64 of them",
            "Rename it.",
            line=line,
            function=key,
        )
        return
    logical_id = function_id(key)
    if logical_id in service.keys:
        service.problems.error(
            f"{key} and {service.keys[logical_id]} have the same logical id {logical_id}",
            "Rename one of them.",
            line=line,
            function=key,
        )
        return
    service.check_keys(values, FUNCTION, key, key)
    properties = _properties(service, key, values)
    body = made(line, Type=Text("AWS::Serverless::Function", line), Properties=properties)
    put(body, "Condition", values.get("condition"), values.line_of("condition"))
    put(service.resources, logical_id, _overridden(body, service.resources.get(logical_id)), line)
    service.keys[logical_id] = key


def _overridden(body: Map, own: Value) -> Map:
    """What the file's resources say of a resource that the framework makes comes on top of it."""
    if not isinstance(own, Map):
        return body
    put(body, "Properties", joined(body["Properties"], mapping(own, "Properties")), body.line)
    put(body, "Condition", own.get("Condition"), own.line_of("Condition"))
    return body


def _properties(service: Service, key: str, values: Map) -> Map:
    line, provider = values.line, service.provider
    properties = made(line, FunctionName=Text(key, line), MemorySize=Text(_MEMORY, line), Timeout=Text(_TIMEOUT, line))
    for name, value in renamed(provider, _SHARED).items():
        put(properties, name, value, line)
    for name, value in (own := renamed(values, _OWN)).items():
        put(properties, name, value, own.lines[name])
    put(properties, "Environment", _environment(provider, values), values.line_of("environment"))
    put(properties, "Tags", joined(provider.get("tags"), values.get("tags")), values.line_of("tags"))
    architecture = values.get("architecture") or provider.get("architecture")
    if architecture is not None:
        put(properties, "Architectures", listed(line, architecture), values.line_of("architecture"))
    put(properties, "Layers", _layers(service, values), values.line_of("layers"))
    if (size := values.get("ephemeralStorageSize")) is not None:
        put(properties, "EphemeralStorage", made(line, Size=size), values.line_of("ephemeralStorageSize"))
    if (provisioned := values.get("provisionedConcurrency")) is not None and provisioned != "0":
        at = values.line_of("provisionedConcurrency")
        put(properties, "AutoPublishAlias", Text(PROVISIONED_ALIAS, at), at)
        config = made(at, ProvisionedConcurrentExecutions=provisioned)
        put(properties, "ProvisionedConcurrencyConfig", config, at)
    put(properties, "LoggingConfig", _logging(provider, values), values.line_of("logs"))
    if values.get("onError") is not None:
        put(properties, "DeadLetterQueue", made(line, TargetArn=values["onError"]), values.line_of("onError"))
    put(properties, "EventInvokeConfig", _invoke_config(service, values), line)
    if values.get("url") is not None:
        put(properties, "FunctionUrlConfig", url_config(values["url"], values.line_of("url")), values.line_of("url"))
    events = values.get("events")
    if isinstance(events, Seq):
        put(properties, "Events", function_events(service, key, events), values.line_of("events"))
    elif events is not None:
        why = f": {events.why}" if isinstance(events, Unresolved) else ""
        service.problems.warning(
            f"{key}: events must be a list{why}",
            "Write each event as - http: GET /orders.",
            line=values.line_of("events"),
            function=key,
        )
    _code(service, key, values, properties)
    return properties


def _logging(provider: Map, values: Map) -> Map | None:
    """The function's own logs on top of the provider's."""
    own, shared = renamed(mapping(values, "logs"), _LOGS), renamed(mapping(mapping(provider, "logs"), "lambda"), _LOGS)
    found = joined(shared, own)
    return found if isinstance(found, Map) and found else None


def _environment(provider: Map, values: Map) -> Map | None:
    line = values.line_of("environment")
    for source in (values, provider):
        if isinstance(source.get("environment"), Unresolved):
            return made(line, Variables=source["environment"])
    variables = joined(_present(mapping(provider, "environment")), _present(mapping(values, "environment")))
    return made(line, Variables=variables) if variables else None


def _present(values: Map) -> Map:
    """Without the variables that are null: the framework leaves those out."""
    return renamed(values, {key: key for key in values})


def _layers(service: Service, values: Map) -> Seq | None:
    """The function's layers, else the provider's; what serverless-python-requirements makes is installed anyhow."""
    written = values.get("layers") or service.provider.get("layers")
    if written is None:
        return None
    items = written if isinstance(written, Seq) else listed(values.line_of("layers"), written)
    return listed(
        items.line, *(item for item in items if not (isinstance(item, Map) and text(item, "Ref") == PYTHON_LAYER))
    )


def _invoke_config(service: Service, values: Map) -> Map | None:
    config = renamed(
        values, {"maximumRetryAttempts": "MaximumRetryAttempts", "maximumEventAge": "MaximumEventAgeInSeconds"}
    )
    destinations = Map(values.line_of("destinations"))
    written = mapping(values, "destinations")
    for key, name in (("onSuccess", "OnSuccess"), ("onFailure", "OnFailure")):
        if written.get(key) is not None:
            put(destinations, name, _destination(service, written[key], written.line_of(key)), written.line_of(key))
    put(config, "DestinationConfig", destinations or None, values.line_of("destinations"))
    return config or None


def _destination(service: Service, value: Value, line: int | None) -> Map:
    """An ARN, a function's key, or a mapping of type and arn."""
    if isinstance(value, str) and as_written(value) in service.functions:
        return made(line, Type=Text("Lambda", line), Destination=arn(function_id(as_written(value)), line))
    if isinstance(value, Map) and "arn" in value:
        kinds = {"sns": "SNS", "sqs": "SQS", "eventbus": "EventBridge", "function": "Lambda", "s3": "S3"}
        kind = kinds.get((text(value, "type") or "").lower())
        return made(line, Type=Text(kind, line) if kind else None, Destination=value["arn"])
    return made(line, Destination=value)


def _code(service: Service, key: str, values: Map, properties: Map) -> None:
    """Where the code is: the service's folder, or a module of serverless-python-requirements."""
    line = values.line
    if values.get("image") is not None:
        image = values["image"]
        uri = image.get("uri") or image.get("name") if isinstance(image, Map) else image
        put(properties, "PackageType", Text("Image", line), values.line_of("image"))
        put(properties, "ImageUri", uri or Text("local", line), values.line_of("image"))
        return
    if properties.get("Runtime") is None:
        handler = (text(values, "handler") or "").rpartition(".")[0]
        if not exists(service.folder / f"{handler}.py"):
            put(properties, "Runtime", Text(_DEFAULT_RUNTIME, line), line)
    package = mapping(values, "package")
    if text(package, "artifact") is None and text(service.package, "artifact") is not None:
        package = service.package
    module, artifact = text(values, "module"), text(package, "artifact")
    folder = "."
    if artifact is not None:
        if exists(service.folder / artifact) or "://" in artifact:
            folder = artifact
        else:
            service.problems.notice(
                f"{key}: the artifact {artifact} is not there: the folder of serverless.yml is its code",
                "Build it first to run what it holds.",
                line=package.line_of("artifact"),
                function=key,
            )
    elif module is not None and module != ".":
        if truth(package, "individually") or service.individually:
            folder = module
        else:
            service.problems.notice(
                f"{key}: module counts with package.individually only",
                "Set package.individually: true, or remove module.",
                line=values.line_of("module"),
                function=key,
            )
    put(properties, "CodeUri", Text(folder, line), values.lines.get("module", line or 1))


def add_layers(service: Service, layers: Map) -> None:
    """Add a resource for each layer: `base` is `BaseLambdaLayer`."""
    for key, body in layers.items():
        line = layers.line_of(key)
        if not isinstance(body, Map):
            service.problems.warning(f"the layer {key} must be a mapping", "Write path: FOLDER below it.", line=line)
            continue
        service.check_keys(body, LAYER, f"the layer {key}")
        properties = made(
            line,
            LayerName=body.get("name") or Text(key, line),
            ContentUri=mapping(body, "package").get("artifact") or body.get("path"),
        )
        service.add(f"{normalized(key)}LambdaLayer", "AWS::Serverless::LayerVersion", properties, line)
