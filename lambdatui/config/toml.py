"""Reads lambdatui.toml: a project of its own, or overrides for the template or folder that it stands beside."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from lambdatui.config import files, toml_table
from lambdatui.config.declared import Declared
from lambdatui.config.destinations import ON_FAILURE, ON_SUCCESS
from lambdatui.config.model import FunctionConfig, QueueConfig, StreamConfig
from lambdatui.config.plain import FUNCTION_NAME, entry_of
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.pythons import own_runtime, wanted_version
from lambdatui.config.settings import chosen, logging_config
from lambdatui.config.toml_aliases import declare_aliases
from lambdatui.config.toml_destinations import dead_letters, destination
from lambdatui.config.toml_events import TomlEvents
from lambdatui.config.toml_table import Table

SECTIONS = ("defaults", "functions", "queues", "streams", "parameters")
SETTINGS = (
    "runtime",
    "memory",
    "timeout",
    "reserved_concurrency",
    "environment",
    "ephemeral_storage",
    "logging",
    "dead_letter_queue",
    "dead_letter_topic",
    "on_failure",
    "on_success",
    "maximum_retry_attempts",
    "maximum_event_age",
    "recursive_loop",
    "description",
)
LOGGING = ("format", "application_level", "system_level", "group")


class TomlFile:
    """One lambdatui.toml, read but not yet applied; `broken` where it could not be read."""

    def __init__(self, path: Path, shown: str) -> None:
        self.path = path
        self.problems = Problems(shown)
        self.broken = False
        document: dict[str, Any] = {}
        lines: dict[toml_table.Path, int] = {}
        try:
            document, lines = toml_table.parse(files.read(path).decode("utf-8-sig"))
        except tomllib.TOMLDecodeError as exc:
            self._unreadable(f"it is no TOML: {exc}", toml_table.error_line(exc))
        except UnicodeDecodeError as exc:
            self._unreadable("it is not UTF-8", exc.object.count(b"\n", 0, exc.start) + 1)
        except (OSError, RecursionError, ValueError) as exc:  # ValueError: a number of thousands of digits
            self._unreadable(getattr(exc, "strerror", None) or str(exc), None)
        self.root = Table(document, (), lines, self.problems)
        self.root.only(SECTIONS)
        self.parameters = self.root.texts("parameters")

    def _unreadable(self, message: str, line: int | None) -> None:
        self.broken = True
        self.problems.error(f"cannot be read: {message}", "Correct lambdatui.toml.", line=line)

    def declared(self) -> set[str]:
        """The functions with a handler or code of their own; where there are any, the folder is not searched."""
        functions = self.root.values.get("functions")
        if not isinstance(functions, dict):
            return set()
        return {
            name for name, body in functions.items() if isinstance(body, dict) and ("handler" in body or "code" in body)
        }

    def apply(self, into: Declared) -> None:
        """Add and override what the file says."""
        _Application(self, into).run()
        into.problems.extend(self.problems.found)


class _Application:
    def __init__(self, file: TomlFile, into: Declared) -> None:
        self.file = file
        self.into = into
        self.problems = file.problems

    def run(self) -> None:
        root = self.file.root
        for section in ("queues", "streams"):
            tables = root.table(section)
            for name in tables.values:
                table = tables.table(name)
                if section == "queues":
                    self._queue(name, table)
                else:
                    self._stream(name, table)
        functions = root.table("functions")
        found = [(name, self._function(name, functions.table(name))) for name in functions.values]
        defaults = root.table("defaults")
        defaults.only(SETTINGS)
        for name in list(self.into.functions):
            self._settings(name, defaults)
        for written, known in found:
            if known is not None:
                table = functions.table(written)
                table.function = known
                self._settings(known, table)
                declare_aliases(self.into, known, table)
                events = TomlEvents(self.into, self.problems, known)
                for index, event in enumerate(table.tables("events")):
                    events.add(index, event)

    # queues and streams

    def _queue(self, name: str, table: Table) -> None:
        table.only(("visibility_timeout", "fifo", "redrive", "delay", "retention", "content_based_deduplication"))
        old = self.into.queue_named(name) or QueueConfig(
            name=name, logical_id=name, fifo=name.endswith(".fifo"), file=self.problems.file, line=table.line()
        )
        visibility = table.number("visibility_timeout", 0, 43_200)
        delay = table.number("delay", 0, 900)
        deduplication, fifo = table.flag("content_based_deduplication"), table.flag("fifo")
        redrive, receives = old.redrive_queue, old.max_receive_count
        if "redrive" in table:
            inner = table.table("redrive")
            inner.only(("queue", "max_receive_count"))
            redrive = inner.text("queue") or None
            receives = inner.integer("max_receive_count", 1, 1000) or 3
            if redrive is None:
                table.warn(
                    "redrive", "redrive names no queue", 'Write redrive = { queue = "…", max_receive_count = 3 }.'
                )
            else:
                target = self.into.queue_named(redrive)
                redrive = target.name if target else redrive
        self.into.queues[old.name] = QueueConfig(
            name=old.name,
            logical_id=old.logical_id,
            fifo=old.fifo if fifo is None else fifo,
            content_based_deduplication=old.content_based_deduplication if deduplication is None else deduplication,
            visibility_timeout=old.visibility_timeout if visibility is None else visibility,
            delay=old.delay if delay is None else delay,
            retention=table.integer("retention", 60, 1_209_600) or old.retention,
            redrive_queue=redrive,
            max_receive_count=receives,
            file=old.file,
            line=old.line,
        )

    def _stream(self, name: str, table: Table) -> None:
        table.only(("shards", "retention_hours"))
        old = self.into.stream_named(name) or StreamConfig(
            name=name, logical_id=name, file=self.problems.file, line=table.line()
        )
        self.into.streams[old.name] = StreamConfig(
            name=old.name,
            logical_id=old.logical_id,
            shards=table.integer("shards", 1, 500) or old.shards,
            retention_hours=table.integer("retention_hours", 24, 8_760) or old.retention_hours,
            table=old.table,
            file=old.file,
            line=old.line,
        )

    # functions

    def _function(self, written: str, table: Table) -> str | None:
        """The name of the function that the table is about, declared by it where it is new; None: neither."""
        table.only(("handler", "code", *SETTINGS, "aliases", "events"))
        known = self.into.function_named(written)
        if known is not None:
            table.function = known.name
            handler, code = table.text("handler"), self._code(table)
            if handler:
                self.into.update_function(known.name, handler=handler)
            if code:
                self.into.update_function(known.name, code_root=str(code), inline_code=None)
            return known.name
        if "handler" not in table and "code" not in table:
            if self.into.broken:  # it is, surely, in the template that could not be read
                return None
            names = [*self.into.functions, *(f.logical_id for f in self.into.functions.values())]
            otherwise = f'Give it handler = "{written}.handler", or remove it.'
            table.warn(None, f"there is no function {written}", did_you_mean(written, names, otherwise))
            return None
        if not FUNCTION_NAME.fullmatch(written):
            remedy = "Rename it: letters, digits, - and _, at most 64 characters."
            table.warn(None, f"{written!r} cannot be a function's name", remedy)
            return None
        return self._declare(written, table)

    def _declare(self, name: str, table: Table) -> str:
        table.function = name
        code = self._code(table) or self.into.root
        handler, unserved = table.text("handler"), None
        if handler is None:
            entry = entry_of(code)
            handler = f"{entry[0].stem}.{entry[1]}" if entry else ""
        if not handler:
            unserved = "it has no handler"
            self.problems.error(
                f"{table.where}: it has no handler, and {self.into.shown(code)} no entry file",
                'Write handler = "app.handler".',
                line=table.line(),
                function=name,
            )
        self.into.functions[name] = FunctionConfig(
            name=name,
            logical_id=name,
            handler=handler,
            code_root=str(code),
            runtime=own_runtime(),
            unserved=unserved,
            file=self.problems.file,
            line=table.line(),
        )
        return name

    def _code(self, table: Table) -> Path | None:
        """The folder that `code` names, from the file's own folder; of a Python file its folder."""
        text = table.text("code")
        if text is None:
            return None
        try:
            path = (self.file.path.parent / Path(text).expanduser()).resolve()
            return path.parent if path.is_file() else path
        except (OSError, ValueError, RuntimeError):
            table.warn("code", f"{text[:80]!r} cannot be a path", "Name the folder of the code.")
            return None

    def _settings(self, name: str, table: Table) -> None:
        """What [defaults] and a function's own table have in common."""
        old = self.into.functions[name]
        changes: dict[str, Any] = {
            "memory": table.integer("memory", 128, 10_240),
            "timeout": table.number("timeout", 0.1, 900),
            "reserved_concurrency": table.integer("reserved_concurrency", 0, 10_000_000),
            "maximum_retry_attempts": table.integer("maximum_retry_attempts", 0, 2),
            "maximum_event_age": table.integer("maximum_event_age", 1, 21_600),
            "ephemeral_storage": table.integer("ephemeral_storage", 512, 10_240),
            "recursive_loop": chosen(table, "recursive_loop", ("Terminate", "Allow")),
            "description": table.text("description"),
        }
        runtime = table.text("runtime")
        if runtime is not None:
            served = wanted_version(runtime) is not None
            changes["runtime"] = runtime
            if not served:
                table.warn("runtime", f"the runtime {runtime} is not served", f'Write runtime = "{own_runtime()}".')
                changes["unserved"] = old.unserved or f"the runtime {runtime} is not served"
        letters = dead_letters(self.into, name, table)
        for key, kinds in (("on_failure", ON_FAILURE), ("on_success", ON_SUCCESS)):
            changes[key] = destination(self.into, name, table, key, kinds)
        if "logging" in table:
            inner = table.table("logging")
            inner.only(LOGGING)
            changes["logging"] = logging_config(inner, *LOGGING, old.logging)
        if "environment" in table:
            changes["environment"] = {**old.environment, **table.texts("environment")}
        given = {key: value for key, value in changes.items() if value is not None}
        if letters is not None:  # the one takes the other's place
            given |= {"dead_letter_queue": letters[0], "dead_letter_topic": letters[1]}
        self.into.update_function(name, **given)
