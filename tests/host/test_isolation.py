"""What a function can find out and change in a real engine: looked for from the inside, with secrets laid out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from lambdatui.spawner import private_tmp, tree
from lambdatui.spawner.protocol import DEFAULT_NICE, MAX_PROCESSES
from lambdatui.store.location import DATA_NAME
from tests.host.conftest import EngineProcess

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA-of-the-user", "AWS_SECRET_ACCESS_KEY": "secret-of-the-user",
    "AWS_SESSION_TOKEN": "session-of-the-user", "AWS_PROFILE": "profile-of-the-user",
    "AWS_SHARED_CREDENTIALS_FILE": "/credentials-of-the-user", "AWS_CONFIG_FILE": "/config-of-the-user",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/web-of-the-user", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://of-the-user",
    "LAMBDATUI_TOKEN": "token-of-the-user", "GITHUB_TOKEN": "github-of-the-user", "PYTHONPATH": "/path-of-the-user",
}  # fmt: skip
APP = """
import os, resource
def tried(do):
    try:
        return do()
    except OSError as error:
        return os.strerror(error.errno)
def handler(event, context):
    own = os.path.dirname(os.path.abspath(__file__))
    return {
        "variables": dict(os.environ),
        "parent": tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),
        "engine_json": tried(lambda: open(f"{own}/STATE/engine.json").read()),
        "state": tried(lambda: os.listdir(f"{own}/STATE")),
        "aws_files": tried(lambda: os.listdir(event["aws_files"])),
        "change": tried(lambda: open(__file__, "a").close()),
        "remove": tried(lambda: os.remove(__file__)),
        "add": tried(lambda: open(f"{own}/new.txt", "w").close()),
        "nice": os.nice(0),
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
        "nproc": resource.getrlimit(resource.RLIMIT_NPROC),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "sockets": sockets(),
    }
def sockets():
    import socket
    held = []
    try:
        while True:
            held.append(socket.socket())
    except OSError as error:
        return [len(held), os.strerror(error.errno)]
    finally:
        for each in held:
            each.close()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the function has found."""
    folder = tmp_path_factory.mktemp("isolation")
    project, home = folder / "project", folder / "home"
    project.mkdir()
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text("[default]\naws_secret_access_key = secret-of-the-user\n")
    (project / "app.py").write_text(APP.replace("STATE", DATA_NAME))
    (project / "lambdatui.toml").write_text(
        "[functions.app]\nhandler = 'app.handler'\ntimeout = 60\n[functions.app.environment]\nOWN = 'mine'\n"
        "[functions.other]\nhandler = 'app.handler'\n[functions.other.environment]\nOTHERS = 'its own'\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, os.pathsep.join(filter(None, (os.environ.get(name), value))))
        patch.setenv("HOME", str(home))
        engine = EngineProcess(project)
    try:
        payload = json.dumps({"aws_files": str(home / ".aws")})
        answer = engine.client("lambda").invoke(FunctionName="app", Payload=payload)
        yield {**json.loads(answer["Payload"].read()), "token": engine.info.token}
    finally:
        engine.end()


def test_a_function_has_its_own_variables_and_none_of_the_users_or_of_another_function(found: dict[str, Any]) -> None:
    variables = found["variables"]
    assert variables["OWN"] == "mine"
    assert "OTHERS" not in variables
    assert not [name for name, value in variables.items() if "of-the-user" in value]
    assert variables["AWS_SHARED_CREDENTIALS_FILE"] == variables["AWS_CONFIG_FILE"] == "/dev/null"


def test_the_engines_token_is_in_no_variable(found: dict[str, Any]) -> None:
    assert not [name for name, value in found["variables"].items() if found["token"] in value]


@pytest.mark.skipif(not tree.LINUX, reason="there is no /proc")
def test_the_process_above_holds_nothing_of_the_users_either(found: dict[str, Any]) -> None:
    assert "of-the-user" not in found["parent"]


needs_namespaces = pytest.mark.skipif(not private_tmp.possible(), reason="this system allows no mount namespaces")


@needs_namespaces
def test_the_token_and_the_state_cannot_be_read(found: dict[str, Any]) -> None:
    assert found["engine_json"] == "No such file or directory"
    assert not [name for name in found["state"] if name not in ("code", "packages", "archives", "versions", "tmp")]


@needs_namespaces
def test_the_users_aws_files_cannot_be_read(found: dict[str, Any]) -> None:
    assert found["aws_files"] == []


@needs_namespaces
def test_the_code_is_read_only(found: dict[str, Any]) -> None:
    assert found["change"] == found["remove"] == found["add"] == "Read-only file system"


def test_an_environment_is_niced_and_has_lambdas_limits(found: dict[str, Any]) -> None:
    above = os.nice(0)
    assert (found["nice"], found["nofile"], found["core"]) == (min(19, above + DEFAULT_NICE), [1024, 1024], [0, 0])
    if private_tmp.probe().process_limit:
        assert found["nproc"] == [MAX_PROCESSES, MAX_PROCESSES]


def test_ten_thousand_sockets_end_with_lambdas_error(found: dict[str, Any]) -> None:
    held, error = found["sockets"]
    assert 1000 < held < 1024
    assert error == "Too many open files"
