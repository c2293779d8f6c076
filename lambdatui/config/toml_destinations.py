"""Destinations and dead letters of lambdatui.toml: a queue's name, an ARN, or a table (`{ topic = "alerts" }`)."""

from __future__ import annotations

import msgspec

from lambdatui.config.declared import Declared
from lambdatui.config.destinations import WORDS, Kinds, from_arn, known
from lambdatui.config.model import Destination
from lambdatui.config.toml_table import Table


def destination(into: Declared, function: str, table: Table, key: str, kinds: Kinds) -> Destination | None:
    """The destination at `key`, of one of these kinds; others are said and None."""
    wanted = _written(table, key)
    if wanted is None:
        return None
    if wanted.kind not in kinds:
        allowed = ", ".join(WORDS[kind] for kind in kinds)
        table.warn(key, f"{key} does not take {WORDS[wanted.kind]}", f"Name {allowed}.")
        return None
    found = known(into, wanted, table.problems, table.line(key), function)
    if found is None:
        table.warn(key, f"there is no function {wanted.name}: nothing is sent to it", "Name a function of the project.")
    return found


def dead_letters(into: Declared, function: str, table: Table) -> tuple[str | None, str | None] | None:
    """(queue, topic), one of which is the function's; None where the table names neither."""
    if "dead_letter_queue" in table and "dead_letter_topic" in table:
        table.warn("dead_letter_topic", "a function has one place for dead letters; the queue counts", "Remove one.")
    for kind in ("queue", "topic"):
        key = f"dead_letter_{kind}"
        name = table.text(key)
        if name:
            wanted = from_arn(name) or msgspec.convert({"kind": kind, "name": name}, Destination)
            if wanted.kind != kind:
                table.warn(key, f"{key} does not take {WORDS[wanted.kind]}", f"Name {WORDS[kind]}.")
                continue
            found = known(into, wanted, table.problems, table.line(key), function)
            if found is not None:
                return (found.name, None) if kind == "queue" else (None, found.name)
    return None


def _written(table: Table, key: str) -> Destination | None:
    value = table.values.get(key)
    if not isinstance(value, dict):
        text = table.text(key)
        return (from_arn(text) or Destination(kind="queue", name=text)) if text else None
    inner = table.table(key)
    inner.only((*WORDS, "qualifier"))
    named = [kind for kind in WORDS if kind in inner]
    name = inner.text(named[0]) if len(named) == 1 else None
    if not name:
        table.warn(key, f"{key} names exactly one of {', '.join(WORDS)}", f'Write {key} = {{ queue = "…" }}.')
        return None
    return msgspec.convert({"kind": named[0], "name": name, "qualifier": inner.text("qualifier")}, Destination)
