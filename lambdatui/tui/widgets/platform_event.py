"""Lines of the JSON log format in the short form that text lines have on the screen. Pure."""

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


# Time, level and request stand elsewhere on the line; where it was logged and the stack are in the long form.
_ELSEWHERE = {"timestamp", "level", "requestId", "logger", "location", "stackTrace"}
_OWN = {"message", "errorType", "errorMessage"}


def record_text(message: str) -> str:
    """What a function's JSON record says: its message, its error, then what it adds. Any other text as it is."""
    if not message.startswith('{"timestamp"'):
        return message
    try:
        record: dict[str, Any] = json.loads(message)
        error = ": ".join(str(record[key]) for key in ("errorType", "errorMessage") if record.get(key))
        said = record.get("message", "")
        parts = [said if isinstance(said, str) else json.dumps(said, ensure_ascii=False), error]
        added = {key: value for key, value in record.items() if key not in _ELSEWHERE | _OWN}
        parts += [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in added.items()]
        return "  ".join(part for part in parts if part) or message
    except (ValueError, RecursionError):
        return message
