"""How values read on the screen: pure functions from numbers and stored text to short, harmless strings."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.highlighter import JSONHighlighter
from rich.text import Text

from lambdatui.clock import MICROS, from_iso
from lambdatui.terminal import LEAST_SECRET, MASK

DOT = "·"  # nothing happened
DASH = "–"  # was not measured

# C0 and C1 controls, DEL, and the marks that reorder or hide text.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_JSON = JSONHighlighter()
_JSON_TAGS = {
    "json.key": "info",
    "json.str": "ok",
    "json.number": "warn",
    "json.bool_true": "dlq",
    "json.bool_false": "dlq",
    "json.null": "dlq",
    "json.brace": "",
}
JSON_LIMIT = 200_000  # characters that are laid out and coloured; more is shown as it is
JSON_DEPTH = 50  # what is nested deeper is not laid out: each level takes two cells, and the text grows by its square


class Secrets:
    """The secrets that the configuration names, which no screen shows."""

    def __init__(self) -> None:
        self._pattern: re.Pattern[str] | None = None

    def hide(self, values: Iterable[str]) -> None:
        """These from now on, also as JSON writes them; short ones would hide half of everything."""
        forms = {form for one in values if len(one) >= LEAST_SECRET for form in (one, json.dumps(one)[1:-1])}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def masked(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)


SECRETS = Secrets()  # one screen a process


def clean(text: str) -> str:
    """`text` in one line, without secrets and anything that a terminal would obey: ESC becomes ␛, a tab two spaces."""
    text = SECRETS.masked(text)
    if not _HARMFUL.search(text):
        return text
    return _HARMFUL.sub(_harmless, text)


def _harmless(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 9:
        return "  "
    if code < 32:
        return chr(0x2400 + code)
    return "␡" if code == 127 else "�"


def count(value: int) -> str:
    """`·` for nothing, then 14, 1.2k, 31k, 4.5M."""
    if value == 0:
        return DOT
    return compact(value)


def compact(value: float) -> str:
    """A number in at most five cells."""
    if value < 10_000:
        return f"{value:.0f}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if value < size * 1000:
            shown = value / size
            return f"{shown:.1f}{unit}" if shown < 99.95 else f"{shown:.0f}{unit}"
    return f"{value:.0e}"


def millis(value: float | None) -> str:
    """A duration in milliseconds as a person says it: 0.4 ms, 18 ms, 1.2 s, 2 m 05."""
    if value is None:
        return DASH
    if value < 9.95:
        return f"{value:.1f} ms" if value < 0.95 or value % 1 >= 0.05 else f"{value:.0f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    return seconds(value / 1000)


def seconds(value: float | None) -> str:
    """A duration in seconds: 1.2 s, 62 s, 2 m 05, 3 h 12, 4 d."""
    if value is None:
        return DASH
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 99.5:
        return f"{value:.0f} s"
    if value < 3600:
        return f"{int(value) // 60} m {int(value) % 60:02d}"
    if value < 86_400:
        return f"{int(value) // 3600} h {int(value) % 3600 // 60:02d}"
    return f"{int(value) // 86_400} d"


def age(value: float) -> str:
    """How long ago, coarse enough to stand still: 3 s, 2 m, 5 h, 4 d."""
    value = max(0, int(value))
    for unit, size, limit in (("s", 1, 60), ("m", 60, 3600), ("h", 3600, 86_400)):
        if value < limit:
            return f"{value // size} {unit}"
    return f"{value // 86_400} d"


def span(value: float) -> str:
    """A duration that was chosen, exactly: 90 s, 10 m, 6 h, 1 h 30 m."""
    if value % 60 or value < 120:
        return f"{value:g} s"
    hours, minutes = divmod(int(value) // 60, 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} m" if minutes else "") if part)


def usd(value: float) -> str:
    """Dollars: $12,034, $1.20, and below a cent two digits that say something: $0.0021, $0.00000021."""
    if value >= 1000:
        return f"${value:,.0f}"
    if value >= 0.01 or value <= 0:
        return f"${max(0.0, value):.2f}"
    digits = 1 - math.floor(math.log10(value))
    return f"${value:.{digits}f}".rstrip("0")


def rate(value: float) -> str:
    """Per second: 0.2, 12.4, 340; a dash for none."""
    if value <= 0:
        return DASH
    return f"{value:.1f}" if value < 99.95 else compact(value)


def size(count: int) -> str:
    """312 bytes, 4.0 KB, 1.2 MB."""
    if count < 1000:
        return f"{count} byte{'s' * (count != 1)}"
    return f"{count / 1024:.1f} KB" if count < 1_000_000 else f"{count / 1_048_576:.1f} MB"


def plural(number: int, noun: str) -> str:
    """`1 entry`, `4 entries`, `2 marks`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def local_time(stamp: str | None, digits: int = 0) -> str:
    """HH:MM:SS of the local day with `digits` decimals, from ISO text; a dash where there is none."""
    if not stamp:
        return DASH
    try:
        moment = datetime.fromisoformat(stamp).astimezone()
    except ValueError:
        return clean(stamp)[:12]
    text = moment.strftime("%H:%M:%S")
    return f"{text}.{moment.microsecond:06d}"[: 9 + digits] if digits else text


def local_moment(stamp: str, now_us: int) -> str:
    """HH:MM:SS where it was today, else day and month."""
    try:
        moment, now = datetime.fromisoformat(stamp).astimezone(), datetime.fromtimestamp(now_us / MICROS).astimezone()
    except ValueError:
        return clean(stamp)[:8]
    if moment.date() == now.date():
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%d %b") if moment.year == now.year else moment.strftime("%Y-%m-%d")


def since(stamp: str | None, now_us: int) -> float | None:
    """Seconds between ISO text and now; None where it is missing or unreadable."""
    if not stamp:
        return None
    try:
        return (now_us - from_iso(stamp)) / MICROS
    except ValueError:
        return None


def utc_now_text(now_us: int) -> str:
    """HH:MM of the local day."""
    return datetime.fromtimestamp(now_us / MICROS, UTC).astimezone().strftime("%H:%M")


def short_id(value: str | None) -> str:
    """The first eight characters of an id."""
    return (value or DASH)[:8]


def short_sha(value: str) -> str:
    """The first four characters of a code hash."""
    return value[:4] if value else DASH


def json_value(text: str) -> object:
    """What JSON text means; ValueError where it is none, or nested deeper than is read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def pretty_json(text: str) -> str:
    """JSON laid out with two spaces and short lists and objects kept on one line; other text as it is."""
    if len(text) > JSON_LIMIT:
        return text
    try:
        return _layout(json.loads(text), 0)
    except (ValueError, RecursionError):
        return text


def _layout(value: object, depth: int) -> str:
    """RecursionError where it is nested deeper than is laid out."""
    if depth > JSON_DEPTH:
        raise RecursionError
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (depth and len(flat) + 2 * depth <= 44):
        return flat
    pad = "  " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{pad}{json.dumps(k, ensure_ascii=False)}: {_layout(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + "  " * depth + "}"
    parts = [pad + _layout(v, depth + 1) for v in value]
    return "[\n" + ",\n".join(parts) + "\n" + "  " * depth + "]"


def json_pieces(text: str) -> tuple[tuple[str, str], ...]:
    """One line of JSON as (text, tag) pieces."""
    line = Text(clean(text))
    if len(line) > 2_000:
        return ((line.plain, ""),)
    _JSON.highlight(line)
    tags = [""] * len(line)
    for span in line.spans:
        tag = _JSON_TAGS.get(str(span.style))
        if tag is not None:
            tags[span.start : span.end] = [tag] * (span.end - span.start)
    return _runs(line.plain, tags)


def _runs(text: str, tags: list[str]) -> tuple[tuple[str, str], ...]:
    pieces: list[tuple[str, str]] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or tags[end] != tags[start]:
            pieces.append((text[start:end], tags[start]))
            start = end
    return tuple(pieces)


# Every state has a glyph of its own, so that colour only repeats what the glyph says.
STATES = {
    "busy": ("●", "ok"),
    "idle": ("○", "dim"),
    "failing": ("✖", "err"),
    "throttled": ("‖", "warn"),
    "stopped": ("■", "warn"),
    "reloading": ("↻", "info"),
    "installing": ("⇣", "info"),
    "broken": ("⚠", "warn"),
    "unserved": ("◌", "dim"),
    "paused": ("‖", "warn"),
    "blocked": ("✖", "err"),
    "init": ("◔", "info"),
    "frozen": ("○", "dim"),
    "ending": ("◌", "dim"),
    "closed": ("◌", "faint"),
}
STATUSES = {"ok": ("✔", "ok"), "error": ("✖", "err"), "timeout": ("◷", "err"), "throttled": ("‖", "warn")}
KINDS = {
    "engine": ("▸", "dim"),
    "reload": ("↻", "info"),
    "syntax": ("⚠", "warn"),
    "error": ("✖", "err"),
    "throttle": ("‖", "warn"),
    "dlq": ("✉", "dlq"),
    "ok": ("✔", "ok"),
    "replay": ("↺", "ok"),
    "retry": ("↷", "warn"),
    "stream": ("≋", "info"),
    "config": ("↻", "info"),
    "notice": ("▸", "dim"),
}
