"""What templates and lambdatui.toml say in the same way but for the names of their keys: one reader for both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from lambdatui.config import filters
from lambdatui.config.model import LoggingConfig

ALIAS_NAME = re.compile(r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)")  # the service model's; at most 128 characters
MAX_PROVISIONED = 10_000_000  # environments
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions"
_FORMATS = ("JSON", "Text")
_APPLICATION_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SYSTEM_LEVELS = ("DEBUG", "INFO", "WARN")


class Settings(Protocol):
    """A mapping of settings; what does not fit is said and read as None, or as the nearest bound."""

    def __contains__(self, key: str) -> bool: ...

    def text(self, key: str, /) -> str | None: ...

    def number(self, key: str, low: float, high: float, /) -> float | None: ...

    def integer(self, key: str, low: int, high: int, /) -> int | None: ...

    def warn(self, key: str, message: str, remedy: str, /) -> None: ...


def chosen(settings: Settings, key: str, choices: Sequence[str]) -> str | None:
    """A text out of `choices`; another one is said in AWS's words and left out."""
    value = settings.text(key)
    if value is None or value in choices:
        return value
    member = key[:1].lower() + key[1:]
    listed = ", ".join(choices)
    settings.warn(
        key,
        f"Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: [{listed}]",
        f"Write one of {listed}.",
    )
    return None


def logging_config(
    settings: Settings, format: str, application: str, system: str, group: str, base: LoggingConfig
) -> LoggingConfig:
    """`base` with what the settings say under these keys. Levels count with the JSON format only."""
    form = chosen(settings, format, _FORMATS)
    levels = {
        "application_level": chosen(settings, application, _APPLICATION_LEVELS),
        "system_level": chosen(settings, system, _SYSTEM_LEVELS),
    }
    changes: dict[str, Any] = {"format": form, **levels, "group": settings.text(group)}
    result = msgspec.structs.replace(base, **{name: value for name, value in changes.items() if value is not None})
    if result.format == "Text" and any(levels.values()):
        settings.warn(
            application if levels["application_level"] else system,
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change '
            'the LogFormat to "Json" and try again.',
            f"Set {format} to JSON; until then every line is logged.",
        )
    return result


def batching(settings: Settings, size: str, window: str, *, fifo: bool) -> tuple[int, float]:
    """(batch size, batching window in seconds) of a queue's mapping; what AWS refuses is said and set right."""
    seconds = settings.number(window, 0, 300) or 0
    batch = settings.integer(size, 1, 10 if fifo else 10_000) or 10
    if fifo and seconds:
        settings.warn(window, "Batching window is not supported for FIFO queues", "Remove it; none is used.")
        return batch, 0
    if batch > 10 and seconds < 1:
        settings.warn(
            size,
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            f"Set {window} to 1; 1 is used.",
        )
        return batch, 1
    return batch, seconds


def parallel_batches(settings: Settings, factor: str, window: str) -> tuple[int, int]:
    """(batches of a shard at a time, tumbling window in seconds) of a stream's mapping, which go not together."""
    batches = settings.integer(factor, 1, 10) or 1
    seconds = settings.integer(window, 0, 900) or 0
    if seconds and batches > 1:
        settings.warn(
            factor,
            f"{factor} must be 1 for an event source mapping with a {window}",
            "Remove one of the two; one batch a shard is taken at a time.",
        )
        return 1, seconds
    return batches, seconds


def filters_served(settings: Settings, key: str, written: Sequence[str | None], source: filters.Source) -> bool:
    """Whether each pattern (None: one that could not be read, which has been said) can be served; why not is said."""
    if len(written) > filters.MAX_FILTERS:
        settings.warn(
            key,
            f"an event source mapping has at most {filters.MAX_FILTERS} filters, this one has {len(written)}",
            "All of them count here; AWS allows up to 10 on request.",
        )
    served = True
    for number, pattern in enumerate(written, 1):
        why = None if pattern is None else filters.problem(pattern, source)
        if why is not None:
            settings.warn(
                key,
                f"Invalid filter pattern definition. (pattern {number}: {why})",
                "Correct it; until then the mapping is disabled.",
            )
        served = served and pattern is not None and why is None
    return served
