"""AWS::Serverless::Function and AWS::Lambda::Function: configuration, code, variables, logging."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lambdatui.config.aws_names import Resource
from lambdatui.config.intrinsics import Unresolved, as_written, is_intrinsic, plain
from lambdatui.config.model import FunctionConfig, LoggingConfig
from lambdatui.config.problems import did_you_mean
from lambdatui.config.pythons import own_runtime, wanted_version
from lambdatui.config.sam_code import function_code
from lambdatui.config.sam_layers import layers_of
from lambdatui.config.sam_versions import declare_published_alias
from lambdatui.config.settings import chosen, logging_config
from lambdatui.config.support import CFN_FUNCTION, SAM_FUNCTION, Table
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY, Reader, out_of_range
from lambdatui.config.yaml_lines import Map, Seq, Value
from lambdatui.terminal import LEAST_SECRET

FUNCTION_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_SHOWN_TOO = {"Layers"}  # read, and asked for in its own form by GetFunctionConfiguration
_CDK_HELPERS = re.compile(r"/(Custom::|LogRetention[0-9a-f]{8}|BucketNotificationsHandler|AWS679f53fac|framework-on)")


def merged(base: Value, own: Value) -> Value:
    """SAM's merge of Globals: mappings key by key, lists one after the other, anything else is overridden."""
    if isinstance(base, Map) and isinstance(own, Map) and not (is_intrinsic(base) or is_intrinsic(own)):
        result = Map(own.line)
        for source in (base, own):
            for key, value in source.items():
                result[key] = merged(base.get(key), value) if source is own and key in base else value
                result.lines[key] = source.lines.get(key, source.line or 1)
        return result
    if isinstance(base, Seq) and isinstance(own, Seq):
        both = Seq(own.line)
        both.extend([*base, *own])
        return both
    return own


def declare_function(template: Template, resource: Resource, values: Map) -> None:
    """Add the function under its name; what keeps it from running stands in `unserved` and in a problem."""
    name = _name(template, resource)
    reader = template.read(values, resource.logical_id, name)
    sam = resource.type == "AWS::Serverless::Function"
    known = SAM_FUNCTION if sam else CFN_FUNCTION
    for key in resource.properties:
        if key not in known and not key.startswith("Fn::"):
            remedy = did_you_mean(key, known, "Remove it, or see the properties of " + resource.type + ".")
            template.problems.notice(
                f"{resource.logical_id}: a function has no property {key}", remedy, line=reader.line(key), function=name
            )
    for key, support in known.items():
        if support.status == "not served" and key in reader and reader.resolved(key) is not None:
            reader.warn(key, support.note, support.remedy)
    code = function_code(template, resource, reader)
    runtime, unserved = _runtime(reader, helper=_is_cdk_helper(resource))
    unserved = unserved or code.unserved
    handler = reader.text("Handler") or ""
    if not handler and unserved is None:
        unserved = "it has no Handler"
        message = "Handler is missing: Runtime and Handler are mandatory for functions of deployment packages"
        template.problems.error(
            f"{resource.logical_id}: {message}", "Set Handler: app.handler.", line=resource.line, function=name
        )
    timeout = reader.number("Timeout", 1, 900)
    logging = reader.child("LoggingConfig") if "LoggingConfig" in reader else reader.inside(Map())
    storage = reader.child("EphemeralStorage") if "EphemeralStorage" in reader else reader.inside(Map())
    variables = environment(reader, name, resource.logical_id, template.into.options.env_vars)
    template.into.functions[name] = FunctionConfig(
        name=name,
        logical_id=resource.logical_id,
        handler=handler,
        code_root=str(code.root),
        inline_code=code.inline,
        runtime=runtime,
        memory=reader.integer("MemorySize", 128, 10_240) or 128,
        timeout=3 if timeout is None else timeout,
        reserved_concurrency=_reserve(reader),
        environment=variables,
        secrets=tuple(key for key, value in variables.items() if _holds_secret(value, reader.resolver.secrets)),
        ephemeral_storage=storage.integer("Size", 512, 10_240) or 512,
        logging=logging_config(
            logging, "LogFormat", "ApplicationLogLevel", "SystemLogLevel", "LogGroup", LoggingConfig()
        ),
        recursive_loop="Allow" if chosen(reader, "RecursiveLoop", ("Allow", "Terminate")) == "Allow" else "Terminate",
        description=reader.text("Description") or "",
        architecture=next(iter(reader.texts("Architectures")), "x86_64"),
        aliases=template.aliases.get(resource.logical_id, ()),
        layers=layers_of(template, reader, code),
        kept=_kept(template, values, known),
        unserved=unserved,
        file=template.problems.file,
        line=resource.line,
    )
    template.function_names[resource.logical_id] = name
    template.properties[resource.logical_id] = values
    if sam:
        declare_published_alias(template, reader)


def _reserve(reader: Reader) -> int | None:
    """None where there is none. Below 0 the nearest bound would stop the function, which nobody means."""
    key = "ReservedConcurrentExecutions"
    written = reader.resolved(key)
    if isinstance(written, str) and written.strip().startswith("-"):
        reader.warn(key, out_of_range(key, written.strip(), "greater", 0), "Set 0 or more; it has no reserve here.")
        return None
    return reader.integer(key, 0, 10_000_000)


def _kept(template: Template, values: Map, known: Table) -> dict[str, object]:
    """The properties that the rest does not read, as plain JSON; what only an account knows as `<why>`."""
    kept: dict[str, object] = {}
    for key in values:
        if key in known and (known[key].status != "served" or key in _SHOWN_TOO) and key != "Architectures":
            value = plain(template.resolver.resolve(values[key]), lambda unknown: f"<{unknown.why}>")
            if value is not None:
                kept[key] = value
    return kept


def construct_aliases(template: Template) -> None:
    """Let a function of the CDK be reached by its construct's name: `Hello` of `Stack/Hello/Resource`."""
    names: dict[str, list[str]] = {}
    for logical_id, function in template.function_names.items():
        parts = _construct(template.resources[logical_id]).split("/")
        if len(parts) > 2:
            names.setdefault(parts[-2], []).append(function)
    for alias, functions in names.items():
        if len(functions) == 1 and template.into.function_named(alias) is None:
            template.into.update_function(functions[0], aliases=(alias,))


def _construct(resource: Resource) -> str:
    metadata = resource.body.get("Metadata")
    path = metadata.get("aws:cdk:path") if isinstance(metadata, Map) else None
    return str(path) if isinstance(path, str) else ""


def _is_cdk_helper(resource: Resource) -> bool:
    """One that the CDK adds for deployments (in Node.js, mostly): nobody misses it here."""
    return bool(_CDK_HELPERS.search(_construct(resource)))


def _name(template: Template, resource: Resource) -> str:
    """The function's name; one that is invalid or taken is a problem, and the logical id serves."""
    line = resource.properties.line_of("FunctionName")
    raw = template.resolver.resolve(resource.properties.get("FunctionName"))
    name = template.names.name(resource)
    if isinstance(name, Unresolved):
        template.problems.warning(
            f"{resource.logical_id}: FunctionName cannot be resolved: {name.why}; it is called {resource.logical_id}",
            UNRESOLVED_REMEDY,
            line=name.line or line,
        )
        name = resource.logical_id
    elif isinstance(raw, str) and raw and not FUNCTION_NAME.fullmatch(raw):
        template.problems.warning(
            f"{resource.logical_id}: Value '{raw[:80]}' at 'functionName' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: [a-zA-Z0-9-_]+, of at most 64 characters",
            f"Rename it; it is called {name} here.",
            line=line,
        )
    if name in template.into.functions:
        other = template.into.functions[name].logical_id
        spare = resource.logical_id
        template.problems.error(
            f"{resource.logical_id}: the function name {name} is already that of {other}",
            f"Rename one; this one is called {spare} here.",
            line=line,
            function=spare,
        )
        name = spare
        while name in template.into.functions:
            name += "-2"
    return name


def _runtime(reader: Reader, *, helper: bool) -> tuple[str, str | None]:
    """(runtime, why it is not served). That of a `helper` is worth a notice, no warning."""
    package = reader.text("PackageType") or "Zip"
    if package == "Image" or "ImageUri" in reader:
        return _not_served(
            reader, "PackageType", "image", "images are not served", "Package it as a zip for local runs."
        )
    runtime = reader.text("Runtime")
    if runtime is None:
        if reader.get("Runtime") is None and "Runtime" in reader:
            return own_runtime(), None  # said when it could not be resolved
        own = own_runtime()
        reader.warn("Runtime", f"Runtime is missing; {own} is used", f"Set Runtime: {own}.")
        return own, None
    if wanted_version(runtime):
        return runtime, None
    if runtime.startswith("python"):
        message = f"the runtime {runtime} is unknown"
        return _not_served(reader, "Runtime", runtime, message, f"Set Runtime: {own_runtime()}.")
    message = f"the runtime {runtime} is not served"
    if helper:
        reader.problems.notice(
            f"{reader.where}: {message}: it is the CDK's own, for deployments",
            "Nothing needs to be done.",
            line=reader.line("Runtime"),
            function=reader.function,
        )
        return runtime, message
    return _not_served(reader, "Runtime", runtime, message, "Only Python functions run here.")


def _not_served(reader: Reader, key: str, runtime: str, message: str, remedy: str) -> tuple[str, str]:
    reader.warn(key, message, remedy)
    return runtime, message


def _holds_secret(value: str, secrets: Iterable[str]) -> bool:
    """Whether a secret is the value, or stands within it (in the URL of a database, say)."""
    return any(secret and (secret == value or (len(secret) >= LEAST_SECRET and secret in value)) for secret in secrets)


def environment(reader: Reader, name: str, logical_id: str, given: dict[str, dict[str, str]]) -> dict[str, str]:
    """The function's variables as texts. What cannot be resolved is left out and said, unless --env-vars gives it."""
    variables = reader.child("Environment").child("Variables") if "Environment" in reader else None
    covered = {key for who in ("", "Parameters", name, logical_id) for key in given.get(who, {})}
    result: dict[str, str] = {}
    if variables is None:
        return result
    for key in variables.values:
        value = variables.resolver.resolve(variables.values[key])
        if isinstance(value, str):
            result[key] = as_written(value)
        elif key in covered:
            continue
        elif isinstance(value, Unresolved):
            message = f"the variable {key} is left out: {value.why}"
            variables.warn(key, message, UNRESOLVED_REMEDY, line=value.line)
        elif value is None or isinstance(value, Map | Seq):
            variables.warn(key, f"the variable {key} is left out: it is no text", "Write it as a text.")
    return result
