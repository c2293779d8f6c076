"""Where the boto3 comes from that functions have without asking."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from email.message import Message

import pytest

from lambdatui.engine import interpreters


@pytest.fixture
def urllib3_needs_310(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def metadata(name: str) -> Message:
        found = Message()
        found["Requires-Python"] = ">=3.10" if name == "urllib3" else ">= 3.9"
        return found

    monkeypatch.setattr(importlib.metadata, "metadata", metadata)
    interpreters.boto3.cache_clear()
    yield
    interpreters.boto3.cache_clear()


@pytest.mark.usefixtures("urllib3_needs_310")
def test_a_python_too_old_for_any_part_of_the_engines_boto3_does_not_get_it() -> None:
    assert interpreters.boto3("3.9") is None
    found = interpreters.boto3("3.10")
    assert found is not None and {"boto3", "botocore", "urllib3"} <= set(found.modules)
