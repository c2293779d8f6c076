"""The door on real sockets: one for all tests that leave it as it was, a fresh one for those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.api.api_support import Handler, Running, Throttle, project


def _fail(event: Any) -> Any:
    raise KeyError("price")


def _busy(event: Any) -> Any:
    raise Throttle


async def _slow(event: Any) -> Any:
    await asyncio.sleep(0.3)
    return "done"


def _web(event: Any) -> Any:
    """Gives the event back in its body; a JSON body with `answer` is the whole result."""
    return WEB["answer"] if "answer" in WEB else {"statusCode": 200, "body": __import__("json").dumps(event)}


WEB: dict[str, Any] = {}
HANDLERS: dict[str, Handler] = {
    "echo": lambda event: event,
    "fail": _fail,
    "busy": _busy,
    "slow": _slow,
    "web": _web,
    "page": lambda event: {"path": event["rawPath"]},
}


@pytest.fixture
def web() -> Iterator[dict[str, Any]]:
    """`web["answer"]` is what the function `web` returns; without it, its event as a JSON body."""
    WEB.clear()
    yield WEB
    WEB.clear()


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("shop")
    running = Running(root / ".lambdatui", project(root), HANDLERS)
    yield running
    running.close()


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Make a door of one's own; keyword arguments are settings of it."""
    made: list[Running] = []

    def make(**settings: Any) -> Running:
        root = tmp_path_factory.mktemp("own")
        made.append(Running(root / ".lambdatui", settings.pop("project", None) or project(root), HANDLERS, **settings))
        return made[-1]

    yield make
    for running in made:
        running.close()


@pytest.fixture(scope="session")
def client(door: Running) -> Callable[..., Any]:
    """boto3 clients for the shared door, made once per service; `url` names another door."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    made: dict[tuple[str, str], Any] = {}

    def get(service: str, url: str = door.url) -> Any:
        if (service, url) not in made:
            config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
            made[service, url] = session.client(service, endpoint_url=url, config=config)
        return made[service, url]

    return get
