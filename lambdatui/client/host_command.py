"""The engine's command line, and how this process becomes it: all that `run --headless` needs."""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn


class LaunchOptions(NamedTuple):
    """The host's command line; None and False leave its defaults. Delays and grace in seconds."""

    port: int | None = None
    http_port: int | None = None
    host: str | None = None
    allow_remote: bool = False
    retry_delays: tuple[float, ...] | None = None
    account_concurrency: int | None = None
    burst_model: str | None = None
    billing: str | None = None
    fresh: bool = False
    use_venv: bool = False
    pass_credentials: bool = False
    aws: str | None = None
    max_environments: int | None = None
    env_vars: str | None = None
    data: str | None = None
    grace: float | None = None
    region: str | None = None
    allow_host: tuple[str, ...] = ()
    template: str | None = None
    parameters: tuple[str, ...] = ()  # "K=V", each

    def arguments(self) -> list[str]:
        """These options as the host reads them."""
        delays = None if self.retry_delays is None else ",".join(f"{delay:g}" for delay in self.retry_delays)
        valued: dict[str, object] = {
            "--port": self.port,
            "--http-port": self.http_port,
            "--host": self.host,
            "--retry-delays": delays,
            "--account-concurrency": self.account_concurrency,
            "--burst-model": self.burst_model,
            "--billing": self.billing,
            "--aws": self.aws,
            "--max-environments": self.max_environments,
            "--env-vars": self.env_vars,
            "--data": self.data,
            "--grace": self.grace,
            "--region": self.region,
            "--template": self.template,
        }
        arguments = [part for name, value in valued.items() if value is not None for part in (name, str(value))]
        arguments += [part for name in self.allow_host for part in ("--allow-host", name)]
        arguments += [f"--parameter={pair}" for pair in self.parameters]  # a value may begin with a dash
        switches = {
            "--allow-remote": self.allow_remote,
            "--fresh": self.fresh,
            "--use-venv": self.use_venv,
            "--pass-credentials": self.pass_credentials,
        }
        return arguments + [name for name, given in switches.items() if given]


def exec_headless(project: Path, options: LaunchOptions) -> NoReturn:
    """Become the engine, in this terminal and session."""
    command = [*host_command(project, options), "--headless"]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, host_environment())


def host_command(project: Path, options: LaunchOptions) -> list[str]:
    """The engine's command line. `-P`: a file of the user's in the working directory must not shadow a library."""
    return [sys.executable, "-P", "-m", "lambdatui.host", str(project.absolute()), *options.arguments()]


def host_environment() -> dict[str, str]:
    """This process's variables, with the way to this package where it is not installed."""
    environment = dict(os.environ)
    here = str(Path(__file__).resolve().parents[2])
    if here not in (*site.getsitepackages(), site.getusersitepackages()):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (here, environment.get("PYTHONPATH"))))
    return environment
