"""Whatever functions write and rows say: the screen and the commands show it, and no terminal obeys it."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any
from unittest import mock

import msgspec
from hypothesis import strategies as st
from rich.cells import cell_len

from lambdatui import schema
from lambdatui.cli import logs, output
from lambdatui.client.feed import MAX_HAPPENINGS, MAX_INVOCATIONS, State, merge, taken
from lambdatui.schema import LEVELS, LogLine, Update
from lambdatui.telemetry.framing import Framing
from lambdatui.telemetry.lines import LineSplitter
from lambdatui.tui import details, function_lines
from lambdatui.tui.screens import (
    environment_table,
    environments,
    function_row,
    invocation_table,
    overview,
    source_items,
)
from lambdatui.tui.screens.source_row import row_of
from lambdatui.tui.widgets.lines import Line, Piece, fit, width_of
from lambdatui.tui.widgets.logstore import LogFilter, LogStore, rows_of
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.values import AWKWARD, TEXTS, json_values, of_type
from tests.tui.conftest import _no_idling, _styles_parsed_once  # noqa: F401  (fixtures)
from tests.tui.fakes import opened

NOW = 1_800_000_000_000_000
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PIECES = st.one_of(
    st.sampled_from([each.encode("utf-8", "surrogatepass") for each in AWKWARD]),
    st.sampled_from([
        b"\xa5\x5a\x00\x03", b"\xa5", b"\x00" * 12, b"\n", b"\r\n", b"[INFO]\t", b"[ERROR] KeyError: 'x'\n",
        b"Traceback (most recent call last):\n", b'{"level": "WARN", "message": "m"}\n',
        b'{"timestamp": "t", "message": {"a": 1}}\n',
        b"START RequestId: 5f2c91d4-0000-4000-8000-000000000001\n",
        b"REPORT RequestId: x\tDuration: 1 ms\tMemory Size: 1 MB\t\n",
        b'{"type": "platform.report", "record": {"metrics": {"durationMs": "x"}}}\n', b"[" * 1_200 + b"\n",
        b'{"a":' * 400 + b"\n",
    ]),
    st.binary(max_size=12),
)  # fmt: skip
OUTPUT = st.lists(PIECES, max_size=12).map(b"".join)


def _lines(data: bytes, cut: int) -> list[tuple[str, str]]:
    """As the engine reads a log pipe."""
    framing, splitter = Framing(), LineSplitter()
    found: list[tuple[str, str]] = []
    pieces = [piece for at in range(0, len(data), cut) for piece in framing.feed(data[at : at + cut])]
    for piece in [*pieces, *framing.flush()]:
        found += splitter.feed(piece.data) if piece.level is None else [piece.line()]
    return found + splitter.flush()


@fuzzed(
    80, data=OUTPUT, cut=st.integers(1, 50), width=st.integers(1, 140), wrapped=st.booleans(), pretty=st.booleans(),
    platform=st.booleans(), needle=st.sampled_from(["", "a", "(", "a{99999999999}", "x*", "[", "\\"]),
    cells=st.sampled_from([0, 12, 16]),
)  # fmt: skip
def test_log_lines_on_the_screen(
    data: bytes, cut: int, width: int, wrapped: bool, pretty: bool, platform: bool, needle: str, cells: int
) -> None:
    chosen, store = LogFilter(needle=needle), LogStore()
    lines = [
        LogLine(
            time="2026-11-21T14:31:10.000000Z", function="f\x1b", request_id=None, level=level, message=text, id=number
        )
        for number, (level, text) in enumerate(_lines(data, cut))
    ]
    store.add(lines)
    store.refilter(chosen)
    for line in store.all_lines():
        assert line.level in LEVELS
        if platform:
            line = msgspec.structs.replace(line, level="PLATFORM")
        rows = rows_of(
            line, width=width, with_function=cells, wrapped=wrapped, pretty=pretty, pattern=chosen.pattern
        )  # fmt: skip
        for row in rows:
            _painted(row, width)
            assert not wrapped or width_of(row) <= max(width, 4)


@fuzzed(60, data=OUTPUT, cut=st.integers(1, 50), same=st.integers(1, 50))
def test_log_pipe(data: bytes, cut: int, same: int) -> None:
    """However the pipe cuts it, the lines are the same, and nothing of what was printed is lost."""
    found = _lines(data, cut)
    assert found == _lines(data, same)
    text = "".join(message for _, message in found)
    for word in re.findall(rb"[A-Za-z]{4,}", data.replace(b"\xa5\x5a\x00", b"")):
        assert word.decode() in text or b"\xa5" in data


@fuzzed(
    50,
    data=OUTPUT,
    terminal=st.booleans(),
    cells=st.lists(st.lists(TEXTS | st.none() | st.integers(), min_size=3, max_size=3), max_size=3),
    value=json_values,
)
def test_commands_on_a_terminal(data: bytes, terminal: bool, cells: list[list[Any]], value: Any) -> None:
    said: list[str] = []
    with (
        mock.patch.object(output, "on_terminal", lambda: terminal), mock.patch.dict("os.environ", {"NO_COLOR": "1"}),
        mock.patch.object(output.click, "echo", lambda text="", **_: said.append(text if isinstance(text,
        str) else text.decode("utf-8", "replace"))),
    ):  # fmt: skip
        lines = [
            LogLine(
                time="2026-11-21T14:31:10.000000Z", function=text[:9], request_id=None, level=level, message=text, id=1
            )
            for level, text in _lines(data, 1000)
        ]
        logs.Printer(as_json=False).show(lines)
        output.table(["A", "B", "C"], cells)
        output.print_data(data)
        output.print_json(value)
        output.print_json_line(value)
        said.pop()  # one object on a line is for programs: its escapes are JSON's
    if terminal:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(said))


WIDTHS = st.integers(20, 160)


def _painted(pieces: tuple[Piece, ...], width: int) -> None:
    """As `LineWidget.render_line` does it."""
    text = "".join(text for text, _ in fit(pieces, width))
    assert not _OBEYED.search(text)
    assert cell_len(text) == width


def _harmless(lines: list[Line] | tuple[Line, ...], width: int) -> None:
    for line in lines:
        _painted(line.pieces, width)


@fuzzed(
    40, row=of_type(schema.FunctionRow), invocation=of_type(schema.InvocationRow),
    environment=of_type(schema.EnvironmentRow),
    concurrency=of_type(list[schema.ConcurrencyRow]), width=WIDTHS,
)  # fmt: skip
def test_rows(
    row: schema.FunctionRow, invocation: schema.InvocationRow, environment: schema.EnvironmentRow,
    concurrency: list[schema.ConcurrencyRow], width: int,
) -> None:  # fmt: skip
    cells = [
        function_row.function_row(row),
        invocation_table.invocation_row(invocation),
        environment_table.environment_row(environment),
    ]
    for each in cells:
        for pieces in each.cells.values():
            _painted(pieces, 12)
    _harmless(function_lines.configuration_lines(row, "/x", width), width)
    _harmless(function_lines.version_lines(row, NOW, width), width)
    _harmless(function_lines.trigger_lines(row, width), width)
    _harmless(environments.concurrency_lines(concurrency, width), width)
    overview.problem_text(row.problems)


@fuzzed(
    20, detail=of_type(schema.InvocationDetail), entry=of_type(schema.DlqEntry), change=of_type(schema.CodeChange),
    happening=of_type(schema.Happening), sources=of_type(schema.Sources), width=WIDTHS,
)  # fmt: skip
def test_details(
    detail: schema.InvocationDetail, entry: schema.DlqEntry, change: schema.CodeChange, happening: schema.Happening,
    sources: schema.Sources, width: int,
) -> None:  # fmt: skip
    _harmless(details.payload_lines(detail.event, width), width)
    _harmless(details.payload_lines(entry.event, width), width)
    _harmless(details.attempt_lines(detail.attempts, entry.queue, entry.last_at, width), width)
    _harmless(details.error_lines(detail, "/x", width), width)
    _harmless(details.invocation_facts(detail, 128, entry.queue, width), width)
    _harmless(details.log_lines(detail.log, width), width)
    _harmless(details.waterfall(detail.row, width), width)
    _harmless(details.code_lines(change, "5 m", width), width)
    _harmless(overview.happening_lines(happening, width), width)
    details.subject_of(entry.event)
    for item in source_items.items_of(sources):
        for pieces in row_of(item, NOW).cells.values():
            _painted(pieces, 12)


@fuzzed(40, updates=st.lists(of_type(Update).map(msgspec.msgpack.encode), max_size=5), taking=st.booleans())
def test_feed_of_a_screen(updates: list[bytes], taking: bool) -> None:
    """A screen's state is what the updates say: replaced lists are the last ones, appended ones their newest."""
    decode = msgspec.msgpack.Decoder(Update).decode
    state = State()
    for frame in updates:
        update = decode(frame)
        try:
            before, state = state, merge(state, update)
        except (ValueError, IndexError):  # a batch of lines that does not add up, which ends the connection
            return
        assert state.connected
        assert len(state.invocations) <= MAX_INVOCATIONS
        assert len(state.happenings) <= MAX_HAPPENINGS
        for name in ("header", "series", "sources", "dlq", "environments", "concurrency"):
            told = getattr(update, name)
            assert getattr(state, name) == (
                getattr(before, name) if told is None else tuple(told) if isinstance(told, list) else told
            )
        if update.invocations_reset:
            assert state.invocations == state.new_invocations
        if taking:
            state = taken(state)
            assert not state.new_logs
            assert not state.new_invocations


KEYS_PRESSED = (
    *"1234567?/jkgGnNfLoWJPrtxv[]+-ab(", "enter", "escape", "tab", "down", "up", "pagedown", "end", "home", "space",
    "ctrl+p",
)  # fmt: skip


@fuzzed(1, seed=st.integers(0, 2**48), states=st.lists(of_type(State), min_size=1, max_size=3))
def test_the_whole_screen(seed: int, states: list[State]) -> None:
    """Any rows, any keys: it stays, and not one cell holds what a terminal obeys."""
    asyncio.run(_used(random.Random(seed), states))


async def _used(chance: random.Random, states: list[State]) -> None:
    async with opened(size=chance.choice([(120, 40), (80, 24), (200, 50), (60, 16)])) as shop:
        for state in states:
            told = {name: getattr(state, name) for name in state.__struct_fields__ if name not in _OWN}
            told["header"] = state.header or shop.feed.state.header  # which no engine leaves out
            shop.feed.push(**told, **{f"new_{name}": told[name] for name in ("logs", "invocations", "happenings")})
            await shop.press(*chance.choices(KEYS_PRESSED, k=12))
            assert shop.app._exception is None
            assert not _OBEYED.search(shop.text().replace("\n", ""))


_OWN = {"connected", "message", "engine", "new_logs", "new_invocations", "new_happenings"}
