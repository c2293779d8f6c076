"""The engine process's command line. The user's own is click's, in cli/; this one only passes it on."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from lambdatui.config.aws_profiles import region_of
from lambdatui.config.env_vars import load_env_vars
from lambdatui.engine.scaling import BurstModel
from lambdatui.errors import UsageError
from lambdatui.telemetry.cost import RULES, Rule

DEFAULT_PORT = 3001  # as `sam local start-lambda`
DEFAULT_HTTP_PORT = 3000  # as `sam local start-api`
_MEMORY_EACH = 64 * 1024 * 1024


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine was asked for; None where a default applies. Delays and grace in seconds."""

    project: Path
    port: int | None
    http_port: int | None
    host: str
    retry_delays: tuple[float, ...]
    account_concurrency: int
    burst_model: BurstModel
    billing: Rule
    max_environments: int
    aws: str  # auto, none, a URL or a profile
    pass_credentials: bool
    env_vars: dict[str, dict[str, str]]
    template: str | None
    parameters: dict[str, str]
    data: str | None
    grace: float
    region: str
    own_region: bool  # the project's own counts before `region`
    allow_hosts: tuple[str, ...]
    use_venv: bool
    fresh: bool
    headless: bool
    one_shot: bool
    leash: int | None
    ready: int | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(argv: Sequence[str], environment: dict[str, str]) -> Arguments:
    """Read the command line; UsageError names what is wrong with it."""
    parser = _Parser(prog="lambdatui", add_help=False, allow_abbrev=False)
    parser.add_argument("project", type=Path)
    for name in ("--port", "--http-port", "--account-concurrency", "--max-environments", "--leash", "--ready"):
        parser.add_argument(name, type=int)
    for name in (
        "--host",
        "--aws",
        "--env-vars",
        "--data",
        "--region",
        "--retry-delays",
        "--template",
        "--burst-model",
    ):
        parser.add_argument(name)
    parser.add_argument("--billing", choices=RULES, default="current")
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--parameter", action="append", default=[])
    for name in ("--allow-remote", "--headless", "--one-shot", "--fresh", "--use-venv", "--pass-credentials"):
        parser.add_argument(name, action="store_true")
    found = parser.parse_args(argv)
    host = found.host or "127.0.0.1"
    if not _is_loopback(host) and not found.allow_remote:
        raise UsageError(
            f"--host {host} would let others on the network run code here: add --allow-remote if that is meant"
        )
    aws = found.aws or "auto"
    profile_region = region_of(aws, environment)
    region = found.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or profile_region
    return Arguments(
        project=found.project,
        port=found.port,
        http_port=found.http_port,
        host=host,
        retry_delays=_delays(found.retry_delays),
        billing=found.billing,
        account_concurrency=_at_least(1, "--account-concurrency", found.account_concurrency, 1000),
        burst_model=_burst_model(found.burst_model),
        max_environments=_at_least(1, "--max-environments", found.max_environments, _machine_limit()),
        aws=aws,
        pass_credentials=found.pass_credentials,
        env_vars=load_env_vars(Path(found.env_vars)) if found.env_vars else {},
        template=found.template,
        parameters=_parameters(found.parameter),
        data=found.data or environment.get("LAMBDATUI_DATA"),
        grace=max(0.0, found.grace),
        region=region or "us-east-1",
        own_region=not found.region,
        allow_hosts=(*found.allow_host, *(() if _is_loopback(host) else (host,))),
        use_venv=found.use_venv,
        fresh=found.fresh,
        headless=found.headless,
        one_shot=found.one_shot,
        leash=found.leash,
        ready=found.ready,
    )


def ready_pipe(argv: Sequence[str]) -> int | None:
    """The descriptor behind --ready, also where the rest of the command line is wrong."""
    try:
        return int(argv[list(argv).index("--ready") + 1])
    except (ValueError, IndexError):
        return None


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _delays(text: str | None) -> tuple[float, ...]:
    if not text:
        return (60.0, 120.0)
    try:
        delays = tuple(float(part) for part in text.split(","))
    except ValueError:
        delays = (-1.0,)
    if any(delay < 0 or delay != delay for delay in delays):
        raise UsageError(f"--retry-delays {text}: give seconds separated by a comma, such as 1,2")
    return delays


def _burst_model(text: str | None) -> BurstModel:
    if text in (None, "current"):
        return "current"
    if text == "classic":
        return "classic"
    raise UsageError(f"--burst-model {text}: give current or classic")


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--parameter {pair}: write it as NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def _at_least(least: int, name: str, value: int | None, default: int) -> int:
    if value is not None and value < least:
        raise UsageError(f"{name} {value}: give a number of at least {least}")
    return default if value is None else value


def _machine_limit() -> int:
    return max(4, min(256, _available() // _MEMORY_EACH))


def _available() -> int:
    """Bytes of memory that programs may still take, as psutil reads them, whose import is dear."""
    with contextlib.suppress(OSError), Path("/proc/meminfo").open() as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    import psutil

    return psutil.virtual_memory().available
