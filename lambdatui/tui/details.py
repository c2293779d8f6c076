"""One invocation, error or code change as lines. Pure: from rows to lines, nothing fetched here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from lambdatui.schema import CodeChange, InvocationDetail, InvocationRow, LogLine, TraceFrame
from lambdatui.tui.text import (
    DASH,
    STATUSES,
    clean,
    json_pieces,
    json_value,
    local_time,
    millis,
    pretty_json,
    short_id,
    short_sha,
    usd,
)
from lambdatui.tui.widgets.lines import Line, Piece, line
from lambdatui.tui.widgets.logstore import rows_of

LONG_TEXT = 400_000  # characters of a payload that are laid out


def payload_lines(payload: bytes | str | None, width: int) -> list[Line]:
    """An event or result as highlighted JSON; other text as it is, long lines folded."""
    if payload is None:
        return [line(("nothing was stored", "dim"))]
    text = payload if isinstance(payload, str) else payload.decode("utf-8", "replace")
    cut = len(text) > LONG_TEXT
    out: list[Line] = []
    for row in pretty_json(text[:LONG_TEXT]).splitlines() or [""]:
        pieces = json_pieces(row)
        if len(row) <= width:
            out.append(Line(pieces))
        else:
            out += _folded(pieces, width, len(row) - len(row.lstrip()) + 2)
    if cut:
        out.append(line((f"… {len(text) - LONG_TEXT} more characters: w writes all of it to a file", "dim")))
    return out


def _folded(pieces: tuple[Piece, ...], width: int, indent: int) -> list[Line]:
    from lambdatui.tui.widgets.lines import wrap

    return [Line(row) for row in wrap(pieces, width, indent if indent < width // 2 else 2)]


def subject_of(event: str) -> str:
    """A few words that tell one event from another: `order 1189`, `detail-type …`, the first key and its value."""
    try:
        value = json_value(event[:20_000])
    except ValueError:
        return clean(event[:24])
    if isinstance(value, dict) and isinstance(value.get("Records"), list) and value["Records"]:
        first = value["Records"][0]
        inner = first.get("body") if isinstance(first, dict) else None
        return subject_of(inner) if isinstance(inner, str) else f"{len(value['Records'])} records"
    if not isinstance(value, dict) or not value:
        return clean(str(value)[:24])
    names = list(value)
    wanted = ("id", "order", "order_id", "orderId", "name", "key", "requestId")
    name = next((n for n in wanted if isinstance(value.get(n), str | int)), None)
    name = name or next((n for n in names if isinstance(value[n], str | int)), names[0])
    return clean(f"{name.removesuffix('_id').removesuffix('Id')} {value[name]}"[:28])


def attempt_lines(attempts: Sequence[InvocationRow], queue: str | None, last_at: str | None, width: int) -> list[Line]:
    """One line an attempt, then where the event went."""
    out = []
    for number, row in enumerate(attempts, 1):
        _, tag = STATUSES.get(row.status, ("", ""))
        start = "fresh" if row.cold else "warm"
        init = f"init {millis(row.init_ms)}" if row.init_ms is not None else ""
        ran = f"ran {millis(row.duration_ms)}" if row.duration_ms is not None else ""
        what = clean(row.error_type or row.status).split(".")[-1]
        pieces: list[Piece] = [(f"{number}  ", "dim"), (local_time(row.started_at, 2 if width > 52 else 0), "text")]
        if width > 44:
            pieces += [(f"  {start:5}", "dim"), (f"  {init:10}" if width > 56 else "", "dim")]
        pieces += [(f"  {ran:12}", ""), (f" {what}", tag)]
        out.append(line(*pieces))
    if queue:
        out.append(
            line(("→  ", "dim"), (local_time(last_at, 2 if width > 52 else 0), "dlq"), (f"  {clean(queue)}", "dlq"))
        )
    return out


def code_lines(change: CodeChange | None, ago: str, width: int) -> list[Line]:
    """What changed in the code: file, hashes, and the changed lines with their numbers."""
    if change is None or not change.diff:
        return [line(("nothing changed: a replay meets the same code", "dim"))]
    out: list[Line] = []
    old_no = new_no = 0
    for raw in change.diff[:200]:
        text = clean(raw)
        if raw.startswith("file "):
            out.append(
                line(
                    (text[5:], "info"),
                    (f"  {short_sha(change.old_sha)} → {short_sha(change.new_sha)}", "dim"),
                    (f"  {ago}" if ago else "", "dim"),
                )
            )
        elif raw.startswith("@@"):
            old_no, new_no = _hunk(raw)
        elif raw.startswith("-"):
            out.append(line((f"{old_no:>3} - {text[1:].strip()}", "err")))
            old_no += 1
        elif raw.startswith("+"):
            out.append(line((f"{new_no:>3} + {text[1:].strip()}", "ok")))
            new_no += 1
        else:
            old_no, new_no = old_no + 1, new_no + 1
    return out or [line(("only blank space changed", "dim"))]


def _hunk(raw: str) -> tuple[int, int]:
    try:
        _, old, new, *_ = raw.split(" ")
        return abs(int(old.split(",")[0])), int(new.split(",")[0])
    except ValueError:
        return 0, 0


def relative(file: str, root: str) -> str:
    """A file's path seen from the code folder."""
    try:
        return str(PurePath(file).relative_to(root)) if root else file
    except ValueError:
        parts = PurePath(file).parts
        return str(PurePath(*parts[-2:])) if len(parts) > 2 else file


def frame_lines(frames: Sequence[TraceFrame], root: str, width: int) -> list[Line]:
    """Frames from the handler inwards: place, the source around it, the locals."""
    out: list[Line] = []
    for number, frame in enumerate(frames):
        last = number == len(frames) - 1
        out.append(line((f"{clean(relative(frame.file, root))}:{frame.line} {clean(frame.function)}", "blue")))
        around = [(n, t) for n, t in frame.source if abs(n - frame.line) <= (2 if last else 1)]
        for at, text in around:
            here = at == frame.line
            tag = ("err" if last else "text") if here else "dim"
            out.append(line(("❱ " if here else "  ", tag), (f"{at:>3} ", tag), (clean(text.rstrip()), tag)))
        names = max((len(name) for name in frame.locals), default=0)
        for name, value in list(frame.locals.items())[:12]:
            out.append(line(("      ", ""), (f"{clean(name):{min(names, 14)}} ", "warn"), (clean(value), "warn")))
        out.append(line())
    return out


def error_lines(detail: InvocationDetail, root: str, width: int) -> list[Line]:
    """The error: frames with locals where they were kept, the traceback's text else."""
    if detail.frames:
        return frame_lines(detail.frames, root, width)
    if detail.error:
        return [*(line((clean(text), "err")) for text in detail.error.splitlines()), line()]
    return []


def log_lines(lines: Sequence[LogLine], width: int) -> list[Line]:
    """Log of one request."""
    return [
        Line(row)
        for entry in lines
        for row in rows_of(entry, width=width, with_function=0, wrapped=False, pretty=False, pattern=None)
    ]


def waterfall(row: InvocationRow, width: int) -> list[Line]:
    """Queued, the parts of the init, handler and the engine's overhead as bars on one time axis."""
    whole = [("init", row.init_ms, "info")]
    parts = [("runtime", row.init_runtime_ms), ("libraries", row.init_libraries_ms), ("own init", row.init_own_ms)]
    steps = [
        ("queued", row.queued_ms, "warn"),
        *([(name, value, "info") for name, value in parts] if row.init_runtime_ms is not None else whole),
        ("handler", row.duration_ms, "ok"),
        ("overhead", row.overhead_ms, "dim"),
    ]
    known = [(name, value, tag) for name, value, tag in steps if value is not None]
    total = sum(value for _, value, _ in known)
    room = max(8, width - 23)
    out, before = [], 0.0
    for name, value, tag in known:
        start = round(before / total * room) if total else 0
        cells = max(1, round(value / total * room)) if total else 1
        start = min(start, room - 1)
        cells = min(cells, room - start)
        bar = " " * start + "▆" * cells + " " * (room - start - cells)
        out.append(
            line(
                (f"{name:10}", "dim"),
                (bar, "err" if name == "handler" and row.status != "ok" else tag),
                (f" {millis(value):>10}", ""),
            )
        )
        before += value
    return out or [line(("no timings: it never ran", "dim"))]


def invocation_facts(detail: InvocationDetail, memory_limit: int | None, queue: str | None, width: int) -> list[Line]:
    """Status, timings, memory, code and relatives of one invocation; `queue`: of its dead letter."""
    row = detail.row
    glyph, tag = STATUSES.get(row.status, ("·", ""))
    out = [
        line(
            (f"{glyph} {row.status}", f"{tag} bold"),
            (f"  {clean(row.function)}", "bold"),
            (f"  {called(row)}  {row.type}", "dim"),
        ),
        line((row.request_id, "dim")),
        line(),
        *waterfall(row, width),
        line(),
    ]
    memory = f"{row.max_memory_mb} MB" if row.max_memory_mb is not None else DASH
    limit = f" of {memory_limit} MB" if memory_limit else ""
    facts = [
        ("started", local_time(row.started_at, 3)),
        ("billed", _billed(row)),
        ("memory", memory + limit),
        ("environment", _environment(row)),
        ("source", clean(row.source)),
        ("code", short_sha(row.code_sha)),
    ]
    if queue is not None:
        facts.insert(0, ("dead letter", f"in {clean(queue)}  r replays it"))
    if row.replay_of:
        facts.append(("replay of", f"{short_id(row.replay_of)}  b opens it"))
    if row.parent_id:
        facts.append(("called by", f"{short_id(row.parent_id)}  b opens it"))
    out += [line((f"{name:12}", "dim"), value) for name, value in facts]
    if len(detail.attempts) > 1:
        out += [
            line(),
            line((f"Attempts of {short_id(row.request_id)}", "dim")),
            *attempt_lines(detail.attempts, None, None, width),
        ]
    return out


def called(row: InvocationRow) -> str:
    """What was called and what ran: "$LATEST", "live → 3", "3"."""
    if row.qualifier is None or row.qualifier == row.version:
        return row.version
    return f"{clean(row.qualifier)} → {row.version}"


def _billed(row: InvocationRow) -> str:
    if row.billed_ms is None:
        return DASH
    return f"{row.billed_ms} ms" + (f"  {usd(row.cost_usd)}" if row.cost_usd is not None else "")


def _environment(row: InvocationRow) -> str:
    if row.environment is None:
        return DASH
    start = "cold, forked" if row.forked else "cold" if row.cold else "warm"
    return f"{short_id(row.environment)} {start}{', provisioned' if row.provisioned else ''}"
