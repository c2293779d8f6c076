"""The user's own AWS credentials reach a function where the user says so, and only there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lambdatui.errors import UsageError
from lambdatui.host.arguments import parse
from lambdatui.host.credentials import Credentials, source
from tests.host.conftest import EngineProcess

STATIC = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s1", "AWS_SESSION_TOKEN": "t1"}
NAMES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", *STATIC)
APP = "import os\ndef handler(event, context): return dict(os.environ)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a user whose AWS files have a profile `dev`."""
    home, project = tmp_path / "home", tmp_path / "project"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/config").write_text("[profile dev]\nregion = eu-west-1\n")
    (home / ".aws/credentials").write_text("[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = sdev\n")
    project.mkdir()
    (project / "app.py").write_text(APP)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    return project


def variables(project: Path, *options: str) -> dict[str, Any]:
    """What a function has of AWS's, and the engine's address."""
    engine = EngineProcess(project, *options)
    try:
        answer = engine.client("lambda").invoke(FunctionName="app")
        found = json.loads(answer["Payload"].read())
        return {name: value for name, value in found.items() if name.startswith("AWS_")} | {"url": engine.info.url}
    finally:
        engine.end()


def test_a_profile_gives_functions_its_credentials_and_region_and_sends_them_to_aws(project: Path) -> None:
    found = variables(project, "--aws", "dev")
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]) == ("AKIADEV", "sdev")
    assert "AWS_SESSION_TOKEN" not in found
    assert found["AWS_REGION"] == "eu-west-1"
    assert "AWS_ENDPOINT_URL" not in found
    assert {name for name, value in found.items() if value == found["url"] and name != "url"} == {
        f"AWS_ENDPOINT_URL_{service}" for service in ("LAMBDA", "SQS", "KINESIS", "CLOUDWATCH_LOGS")
    }
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_passed_credentials_are_the_shells_and_calls_still_come_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in STATIC.items():
        monkeypatch.setenv(name, value)
    found = variables(project, "--pass-credentials")
    assert {name: found[name] for name in STATIC} == STATIC
    assert found["AWS_ENDPOINT_URL"] == found["url"]


def test_credentials_that_are_asked_for_and_not_found_end_the_start(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    with pytest.raises(UsageError, match=r"--pass-credentials: no credentials were found .*gone.*`aws configure`"):
        Credentials(source(None, os.environ))


def test_a_profile_that_does_not_exist_ends_the_start(project: Path) -> None:
    with pytest.raises(UsageError, match="a profile of your AWS files: dev"):
        parse([str(project), "--aws", "dve"], dict(os.environ))


async def test_renewed_credentials_are_told_once_and_kept_where_renewing_fails() -> None:
    answers: list[dict[str, str] | UsageError] = [
        {"A": "1"}, {"A": "1"}, UsageError("expired"), UsageError("expired"), {"A": "2"},
    ]  # fmt: skip

    def next_one() -> dict[str, str]:
        answer = answers.pop(0)
        if isinstance(answer, UsageError):
            raise answer
        return answer

    renewed: list[dict[str, str]] = []
    failed: list[str] = []
    credentials = Credentials(next_one)
    held, said = credentials.variables, ""
    while answers:
        said = await credentials.renew(lambda: renewed.append(dict(held)), failed.append, said)
    assert (renewed, failed, held) == ([{"A": "2"}], ["expired"], {"A": "2"})


def test_a_process_that_is_configured_is_asked_as_the_aws_cli_asks_it(project: Path) -> None:
    told = json.dumps({"Version": 1, "AccessKeyId": "AKIAP", "SecretAccessKey": "sp", "SessionToken": "tp"})
    script = project.parent / "told.json"
    script.write_text(told)
    config = Path(os.environ["HOME"], ".aws/config")
    config.write_text(f"[profile asks]\ncredential_process = cat {script}\n")
    assert Credentials(source("asks", os.environ)).variables == {
        "AWS_ACCESS_KEY_ID": "AKIAP", "AWS_SECRET_ACCESS_KEY": "sp", "AWS_SESSION_TOKEN": "tp",
    }  # fmt: skip
