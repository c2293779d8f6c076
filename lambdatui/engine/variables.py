"""The variables of an execution environment. Pure: nothing of the user's shell is inherited but what is named.

Facts: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lambdatui import wire
from lambdatui.config.model import FunctionConfig
from lambdatui.engine.tmp import TMP

# Needed to reach the network from a laptop; harmless otherwise.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PASSED_ON = (
    *CERTIFICATES,
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)
# Every environment's; the door knows a function's own calls by it.
ACCESS_KEY_ID = "ASIALAMBDATUILOCAL00"
INITIALIZATION, ON_DEMAND = "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"
# The user's own AWS files must not be found, wherever HOME points.
NO_AWS_FILES = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
STAND_INS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"}
# Services that are the engine's also where all others are AWS's own, as SDKs name them in variables.
_OWN_SERVICES = ("LAMBDA", "SQS", "KINESIS", "CLOUDWATCH_LOGS")
_NO_PROXY = "127.0.0.1,localhost,::1"


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all environments of one engine."""

    endpoint_url: str
    region: str
    account: str
    engine_mark: str
    root: str  # the project's folder
    shell: Mapping[str, str]  # the engine's own variables, from which a few are passed on
    credentials: Mapping[str, str] = msgspec.field(
        default_factory=lambda: STAND_INS
    )  # the user's own only where they said so; may change
    real_aws: bool = False  # what is not the engine's goes to AWS itself, not to the engine


def log_group(config: FunctionConfig) -> str:
    """The group that its log streams are in."""
    return config.logging.group or _usual_group(config)


def _usual_group(config: FunctionConfig) -> str:
    return f"/aws/lambda/{config.name}"


def log_stream(config: FunctionConfig, version: str, environment_id: str, day: str) -> str:
    """`2026/11/21/[$LATEST]<32 hex>`, in a custom group `2026/11/21/NAME[$LATEST]<32 hex>`; `day` is YYYY/MM/DD.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
    """
    return f"{day}/{config.name if log_group(config) != _usual_group(config) else ''}[{version}]{environment_id}"


def build(
    config: FunctionConfig,
    around: Surroundings,
    *,
    version: str,
    python: str,
    path: str,
    stream: str,
    home: str | None,
    mark: str,
) -> dict[str, str]:
    """All variables of one environment; the function's own come first, so that none of Lambda's can be replaced.

    `home`: the environment's own folder; None where it has a /tmp of its own.
    """
    passed = {name: around.shell[name] for name in _PASSED_ON if name in around.shell}
    if passed:
        passed["NO_PROXY"] = passed["no_proxy"] = ",".join(filter(None, (_NO_PROXY, around.shell.get("NO_PROXY", ""))))
    return {
        **passed,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONUTF8": "1",
        "HOME": home or TMP,
        **({} if home is None else {"TMPDIR": home}),
        **_endpoints(around),
        "PATH": path,
        **config.environment,
        "_HANDLER": config.handler,
        "_X_AMZN_TRACE_ID": "",
        "AWS_REGION": around.region,
        "AWS_DEFAULT_REGION": around.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{python}",
        "AWS_LAMBDA_FUNCTION_NAME": config.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
        INITIALIZATION: ON_DEMAND,
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(config),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": config.logging.format,
        **({"AWS_LAMBDA_LOG_LEVEL": config.logging.application_level} if config.logging.format == "JSON" else {}),
        **around.credentials,
        **NO_AWS_FILES,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBDA_TASK_ROOT": config.code_root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        wire.MARK_ENGINE: around.engine_mark,
        wire.MARK_ENVIRONMENT: mark,
    }


def _endpoints(around: Surroundings) -> dict[str, str]:
    """Where SDKs send what they are not told to send elsewhere."""
    if around.real_aws:
        return {f"AWS_ENDPOINT_URL_{service}": around.endpoint_url for service in _OWN_SERVICES}
    host_stays = {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}  # `sync-127.0.0.1` is no host
    return {"AWS_ENDPOINT_URL": around.endpoint_url, **host_stays}


# What `build` gives each function, or each environment, a value of its own.
_OF_FUNCTION = frozenset({
    "_HANDLER", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "LAMBDA_TASK_ROOT", INITIALIZATION,
})  # fmt: skip
_OF_ENVIRONMENT = frozenset({
    "_X_AMZN_TRACE_ID", "AWS_LAMBDA_LOG_STREAM_NAME", wire.MARK_ENVIRONMENT,
})  # fmt: skip
_HOME = frozenset({"HOME", "TMPDIR"})


def owners(config: FunctionConfig, home: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Names of variables that are a function's own, and of those that are one environment's; `home` as in `build`."""
    of_environment = _OF_ENVIRONMENT if home is None else _OF_ENVIRONMENT | (_HOME - config.environment.keys())
    return _OF_FUNCTION | (config.environment.keys() - of_environment), of_environment
