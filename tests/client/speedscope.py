"""The rules of https://www.speedscope.app/file-format-schema.json for sampled profiles, as checks."""

from __future__ import annotations

from numbers import Real
from typing import Any

UNITS = {"none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"}


def check(document: Any) -> None:
    """Raises AssertionError where speedscope would refuse the document, or show something else than it says."""
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert set(document) <= {"$schema", "shared", "profiles", "name", "activeProfileIndex", "exporter"}
    assert isinstance(document["name"], str) and isinstance(document["exporter"], str)
    frames = document["shared"]["frames"]
    for frame in frames:
        assert set(frame) <= {"name", "file", "line", "col"}
        assert isinstance(frame["name"], str) and isinstance(frame["file"], str) and isinstance(frame["line"], int)
    assert document["profiles"]
    assert 0 <= document["activeProfileIndex"] < len(document["profiles"])
    for profile in document["profiles"]:
        _profile(profile, len(frames))


def _profile(profile: Any, frames: int) -> None:
    assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
    assert profile["type"] == "sampled"
    assert profile["unit"] in UNITS
    assert isinstance(profile["name"], str)
    assert isinstance(profile["startValue"], Real) and isinstance(profile["endValue"], Real)
    assert len(profile["samples"]) == len(profile["weights"])
    assert all(isinstance(frame, int) and 0 <= frame < frames for stack in profile["samples"] for frame in stack)
    assert all(isinstance(weight, Real) and weight >= 0 for weight in profile["weights"])
    assert profile["endValue"] - profile["startValue"] >= sum(profile["weights"])
