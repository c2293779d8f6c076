"""The platform's JSON log events in the short form that its text lines have on the screen. Pure."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_WORDS = {
    "initStart": "INIT",
    "initRuntimeDone": "INIT",
    "initReport": "INIT",
    "start": "START",
    "runtimeDone": "DONE",
    "report": "REPORT",
}
_TEXTS = {"runtimeVersion": "Runtime Version", "version": "Version", "status": "Status", "errorType": "Error"}
_TIMES = {"durationMs": "Duration", "billedDurationMs": "Billed", "initDurationMs": "Init"}


class Short(NamedTuple):
    word: str
    text: str


def shortened(message: str) -> Short | None:
    """The event in few words, None for what is no event of the platform."""
    try:
        event = json.loads(message)
        kind = event["type"].removeprefix("platform.")
        record: dict[str, Any] = event["record"]
        metrics: dict[str, Any] = record.get("metrics", {})
        return Short(_WORDS[kind], _facts(record, metrics))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _facts(record: dict[str, Any], metrics: dict[str, Any]) -> str:
    facts = [f"{name}: {metrics[key]:g} ms" for key, name in _TIMES.items() if key in metrics]
    if "memorySizeMB" in metrics:
        facts.append(f"Mem: {metrics['maxMemoryUsedMB']}/{metrics['memorySizeMB']} MB")
    facts += [f"{name}: {record[key]}" for key, name in _TEXTS.items() if key in record and record[key] != "success"]
    if not facts and "requestId" in record:
        facts.append(f"RequestId: {record['requestId'][:8]}…")
    return "  ".join(facts)
