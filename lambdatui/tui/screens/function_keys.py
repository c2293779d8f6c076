"""The keys that act on a function, for every screen on which a function is selected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group
from rich.text import Text
from textual.binding import BindingType

from lambdatui import samples
from lambdatui.client.client import InvokeReply, StoredEvent
from lambdatui.errors import LambdaTuiError, OperationFailed
from lambdatui.schema import TraceFrame
from lambdatui.tui.choose import Choose
from lambdatui.tui.details import payload_lines
from lambdatui.tui.dialogs import Ask, EventEditor, Reader
from lambdatui.tui.keys import bind
from lambdatui.tui.outside import find_file
from lambdatui.tui.own_events import OwnEvent, of_files, of_triggers
from lambdatui.tui.replay import reason
from lambdatui.tui.screens.page import Page
from lambdatui.tui.text import clean, pretty_json, short_id
from lambdatui.tui.widgets.lines import Line

_LOOKED_AT = 50  # newest dead letters among which that of a function's last failed event is looked for


class FunctionKeys(Page):
    """A page whose `function_name()` says which function the keys are about."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "i",
            "invoke",
            "invoke",
            "Invoke: pick the event (last, a trigger's, saved, sample, empty), edit, send",
            "function.invoke",
        ),
        bind("I", "invoke_last", "invoke last", "Invoke again with the last event", "function.invoke-last", show=False),
        bind("r", "replay_failed", "replay", "Replay the last failed event", "function.replay"),
        bind("l", "open_logs", "logs", "The logs of this function", "function.logs"),
        bind("d", "open_dlq", "DLQ", "The dead letters of this function", "function.dlq"),
        bind("c", "reserve", "reserve", "Set the reserved concurrency; 0 is the emergency stop", "function.reserve"),
        bind("o", "edit_code", "editor", "Open the code in $EDITOR, at the line of the last error", "function.editor"),
    ]

    def function_name(self) -> str | None:
        """The function that the keys are about."""
        return self.tui.selected

    def _named(self) -> str:
        name = self.function_name()
        if name is None:
            raise OperationFailed("no function is selected")
        return name

    # invoke

    def action_invoke(self) -> None:
        """Pick an event, edit it, send it."""
        self.tui.act(self._invoke)

    async def _invoke(self) -> None:
        name = self._named()
        last = await self.tui.off(self._last_event, name)
        own = await self.tui.off(self._own_events, name)
        options = [("last", "the last event", f"of request {short_id(last.request_id)}")] if last else []
        options += [(f"own/{number}", one.title, one.note) for number, one in enumerate(own)]
        options += [
            ("empty", "an empty event", "{}"),
            ("sample", "a sample event", "as another service would send it …"),
        ]
        choice = await self.app.push_screen_wait(Choose(f"Invoke {name} with", options))
        if choice == "sample":
            choice = await self._pick_sample()
        if choice is None:
            return
        if choice == "last":
            assert last is not None
            text = pretty_json(last.event.decode("utf-8", "replace"))
        elif choice.startswith("own/"):
            text = await self.tui.off(own[int(choice.removeprefix("own/"))].text)
        else:
            text = "{}" if choice == "empty" else samples.text(*choice.split("/", 1))
        event = await self.app.push_screen_wait(EventEditor(f"Invoke {name}", text))
        if event is not None:
            await self._send(name, event)

    def _own_events(self, name: str) -> list[OwnEvent]:
        row = self.function_row(name)
        saved = of_files(self.tui.root, row.code_root if row else "")
        try:
            return [*of_triggers(name, self.tui.client.sources()), *saved]
        except LambdaTuiError:
            return saved

    async def _pick_sample(self) -> str | None:
        found = [(service, kind) for service, kinds in samples.names().items() for kind in kinds]
        options = [(f"{service}/{kind}", service, kind) for service, kind in found]
        return await self.app.push_screen_wait(Choose("Sample event", options))

    def _last_event(self, name: str) -> StoredEvent | None:
        try:
            return self.tui.client.last_event(name)
        except LambdaTuiError:
            return None  # without history one can still send an empty event

    async def _send(self, name: str, event: bytes) -> None:
        self.notify(f"{name} is invoked …", timeout=2)
        reply = await self.tui.off(self.tui.client.invoke, name, event)
        await self.app.push_screen_wait(_result_screen(name, reply))

    def action_invoke_last(self) -> None:
        """Invoke again with the last event."""
        self.tui.act(self._invoke_last)

    async def _invoke_last(self) -> None:
        name = self._named()
        last = await self.tui.off(self.tui.client.last_event, name)
        if last is None:
            raise OperationFailed(f"{name} has no event yet: press i to pick one")
        await self._report(name, await self.tui.off(self.tui.client.invoke, name, last.event))

    async def _report(self, name: str, reply: InvokeReply) -> None:
        text = clean(reply.payload.decode("utf-8", "replace"))[:200]
        if reply.function_error:
            self.notify(f"✖ {name} failed: {text}", severity="error", timeout=8)
        else:
            self.notify(f"✔ {name}: {text}", timeout=5)

    def action_replay_failed(self) -> None:
        """Replay the last failed event: as the dead letter, where it has become one."""
        self.tui.act(self._replay_failed)

    async def _replay_failed(self) -> None:
        name = self._named()
        client = self.tui.client
        failed = await self.tui.off(lambda: client.last_event(name, failed=True))
        if failed is None:
            raise OperationFailed(f"{name} has no failed event")
        newest = await self.tui.off(client.dlq, None, _LOOKED_AT)
        dead = [each.id for each in newest if (each.function, each.request_id) == (name, failed.request_id)]
        if dead:
            self.tui.start_replay(dead)
            return
        result = await self.tui.off(client.replay_invocation, failed.request_id)
        if result.status == "ok":
            self.notify(f"✔ {name} succeeded with the event of {short_id(failed.request_id)}")
        else:
            self.notify(f"✖ {name} failed again: {reason(result)}", severity="error", timeout=8)

    # reserve

    def action_reserve(self) -> None:
        """Set the reserved concurrency."""
        self.tui.act(self._reserve)

    async def _reserve(self) -> None:
        name = self._named()
        row = self.function_row(name)
        current = "" if row is None or row.reserved_concurrency is None else str(row.reserved_concurrency)
        answer = await self.app.push_screen_wait(
            Ask(
                f"Reserved concurrency of {name}",
                value=current,
                more="a number · empty: no reserve · 0: emergency stop, everything is throttled",
            )
        )
        if answer is None:
            return
        if not answer.strip():
            await self.tui.off(self.tui.client.delete_reserved_concurrency, name)
            self.notify(f"{name} shares the unreserved concurrency")
            return
        if not answer.strip().isdecimal():
            raise OperationFailed(f"{answer!r} is not a number: nothing was changed")
        value = int(answer)
        await self.tui.off(self.tui.client.put_reserved_concurrency, name, value)
        said = "is stopped: c with another number lets it run again" if value == 0 else f"has {value} reserved"
        self.notify(f"{name} {said}", severity="warning" if value == 0 else "information")

    # going elsewhere

    async def action_open_logs(self) -> None:
        """The logs of this function."""
        await self.tui.open_logs(self.function_name())

    async def action_open_dlq(self) -> None:
        """The dead letters of this function."""
        await self.tui.open_dlq(self.function_name())

    def action_edit_code(self) -> None:
        """Open the code in $EDITOR."""
        self.tui.act(self._edit_code)

    async def _edit_code(self) -> None:
        name = self._named()
        row = self.function_row(name)
        if row is None:
            raise OperationFailed(f"{name} is not known to the engine any more")
        place = await self.tui.off(self._last_error_place, name, row.code_root)
        file, line = place or (row.file, row.line)
        problem = next((p for p in row.problems if p.file and p.line), None)
        if place is None and problem is not None:
            file, line = problem.file, problem.line
        if file is None:
            raise OperationFailed(f"{name} has no file of its own")
        self.tui.edit(str(find_file(file, row.code_root, self.tui.root)), line)

    def _last_error_place(self, name: str, root: str) -> tuple[str, int] | None:
        try:
            rows = self.tui.client.invocations(function=name, status="error", limit=1)
            detail = self.tui.client.invocation(rows[0].request_id) if rows else None
        except LambdaTuiError:
            return None  # the file itself can still be opened
        return place_of(detail.frames, root) if detail else None


def place_of(frames: Sequence[TraceFrame], root: str) -> tuple[str, int] | None:
    """File and line of the innermost frame in the function's own code."""
    own = [f for f in frames if not root or f.file.startswith(root) or not f.file.startswith("/")]
    frame = (own or list(frames))[-1] if frames else None
    return (frame.file, frame.line) if frame else None


def _result_screen(name: str, reply: InvokeReply) -> Reader:
    text = reply.payload.decode("utf-8", "replace")
    head = "✖ failed" if reply.function_error else "✔ succeeded"
    lines = payload_lines(text, 10_000)
    return Reader(f"{name} {head}   {short_id(reply.request_id)}", Group(*map(_rich, lines)), _pretty_or(text))


def _rich(shown: Line) -> Text:
    return Text(shown.text)


def _pretty_or(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
