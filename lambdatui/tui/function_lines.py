"""One function as lines: configuration, cost, versions, triggers, problems. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePath

from lambdatui.schema import AsyncRow, FunctionRow, ProvisionedRow
from lambdatui.terminal import MASK
from lambdatui.tui.text import clean, compact, local_moment, plural, short_sha, span, usd
from lambdatui.tui.widgets.lines import Line, Piece, hanging, left, line, paragraphs, right, width_of

LATEST = "$LATEST"
LABEL = 13  # cells
BAR = 10
STORAGE = 512  # MB of /tmp, unless the function says otherwise
NAMES = 14  # cells of an alias' name at most
PROVISIONED = {"READY": ("●", "ok"), "IN_PROGRESS": ("◔", "info"), "FAILED": ("✖", "err")}

Fact = tuple[str, str, str]  # label, value, the property that API or screen may have set


def configuration_lines(row: FunctionRow, root: str, width: int) -> list[Line]:
    """What a function is configured to be and what it costs; values set by API or screen are marked. `root` is the
    project's folder."""
    out: list[Line] = []
    for name, value, key in _facts(row, root):
        if value:
            out += _fact(name, value, bool(key) and key in row.overrides, width)
    for name, value in sorted(row.environment.items()):
        shown = MASK if name in row.secrets else clean(value)
        out += hanging((("variable     ", "dim"), (f"{clean(name)}=", "info")), shown, width)
    if row.description:
        out += [line(), *paragraphs(clean(row.description), width, "dim")]
    if row.kept:
        out += [line(), *paragraphs("Declared, without a meaning here:", width, "dim")]
        for name, value in sorted(row.kept.items()):
            out += hanging(((f"{clean(name)}  ", "dim"),), clean(value), width)
    return out


@lru_cache(maxsize=500)
def _fact(name: str, value: str, put: bool, width: int) -> tuple[Line, ...]:
    """One setting; `put`: by API or screen. Kept, since few of them change from tick to tick."""
    mark = "  set here" if put else ""
    rows = hanging(((f"{name:{LABEL}}", "dim"),), clean(value), width - len(mark))
    return (*rows[:-1], line(*rows[-1].pieces, (mark, "warn")))


def _facts(row: FunctionRow, root: str) -> Iterator[Fact]:
    reserve = "none" if row.reserved_concurrency is None else str(row.reserved_concurrency)
    yield "handler", row.handler, "handler"
    yield "runtime", row.runtime, "runtime"
    yield "memory", f"{row.memory} MB", "memory"
    yield "/tmp", f"{row.ephemeral_storage} MB" if row.ephemeral_storage != STORAGE else "", "ephemeral_storage"
    yield "timeout", f"{row.timeout:g} s", "timeout"
    yield "reserve", "0: stopped" if row.reserved_concurrency == 0 else reserve, "reserved_concurrency"
    yield "code", f"{short_sha(row.code_sha)}  {_below(row.code_root, root)}", ""
    yield from _cost(row)
    yield from _asynchronous(row)
    dead = f"topic {row.dead_letter_topic}" if row.dead_letter_topic else row.dead_letter_queue or "none"
    yield "dead letters", dead, "dead_letter_topic" if row.dead_letter_topic else "dead_letter_queue"
    yield "log", _log(row), "logging"
    loops = "may go on" if row.recursive_loop == "Allow" else ""
    yield (
        "loops",
        loops or (f"{plural(row.recursive_dropped, 'call')} stopped" if row.recursive_dropped else ""),
        ("recursive_loop"),
    )
    yield "packages", row.packages, ""
    yield "zygote", row.zygote, ""
    yield "layers", ", ".join(_below(layer, root) for layer in row.layers), "layers"


def _cost(row: FunctionRow) -> Iterator[Fact]:
    """Provisioned concurrency is paid by the hour: then there is no price of a call."""
    if not row.cost_usd and row.monthly_usd is None:
        return
    yield "cost", f"{usd(row.cost_usd)} since the start", ""
    if row.invocations and not row.provisioned:
        yield "", f"{usd(row.cost_usd / row.invocations * 1_000_000)} a million calls", ""
    if row.monthly_usd is not None:
        yield "", f"{usd(row.monthly_usd)}/mo without free tier", ""


def _asynchronous(row: FunctionRow) -> Iterator[Fact]:
    key = "event_invoke_config"
    for each in row.asynchronous:
        if each.qualifier == LATEST:
            yield "events", _tries(each), key
            yield "on success", each.on_success or "", key
            yield "on failure", each.on_failure or "", key
        else:
            ends = [("success", each.on_success), ("failure", each.on_failure)]
            parts = [_tries(each), *(f"on {name} {where}" for name, where in ends if where)]
            yield "", f"{each.qualifier}: {', '.join(parts)}", ""


def _tries(each: AsyncRow) -> str:
    retries = each.maximum_retry_attempts
    return f"{f'{retries} retries' if retries != 1 else '1 retry'} within {span(each.maximum_event_age)}"


def _log(row: FunctionRow) -> str:
    levels = f", application {row.application_log_level}, system {row.system_log_level}"
    said = f"JSON{levels}" if row.log_format == "JSON" else "text"
    own = row.log_group and row.log_group != f"/aws/lambda/{row.name}"
    return said + (f" to {row.log_group}" if own else "")


def _below(path: str, root: str) -> str:
    """A path seen from the project's folder, where it lies inside."""
    try:
        return str(PurePath(path).relative_to(root)) if root else path
    except ValueError:
        return path


# versions


def has_versions(row: FunctionRow) -> bool:
    """Whether there is anything beside $LATEST."""
    return bool(row.versions or row.version_aliases or row.provisioned)


def version_lines(row: FunctionRow, now_us: int, width: int) -> list[Line]:
    """Aliases with their weights and provisioned concurrency, then what there is to point to, newest first."""
    if not has_versions(row):
        return paragraphs(
            "none: every call runs $LATEST. AutoPublishAlias in the template or aws lambda publish-version makes one.",
            width,
            "dim",
        )
    provisioned = {each.qualifier: each for each in row.provisioned}
    names = min(NAMES, max((len(alias.name) for alias in row.version_aliases), default=0))
    out: list[Line] = []
    for alias in row.version_aliases:
        rest = 1.0 - sum(alias.weights.values())
        shares = [(alias.version, rest), *sorted(alias.weights.items())]
        head = left(clean(alias.name), names)
        for version, share in shares:
            bar = _bar(share) if len(shares) > 1 else ()
            about = clean(alias.description) if version == alias.version and len(shares) == 1 else ""
            out.append(line((head, "accent"), (f" → {version:2} ", ""), *bar, (f" {about}" if about else "", "dim")))
            head = " " * names
        if alias.name in provisioned:
            out += _provisioned(provisioned[alias.name], width)
    if out:
        out.append(line())
    published = sum(version.invocations for version in row.versions)
    newest = row.versions[-1].code_sha if row.versions else ""
    note = "not published yet" if row.code_sha and row.code_sha != newest else ""
    out += _version(LATEST, row.code_sha, "", max(0, row.invocations - published), note, width, "info")
    for each in reversed(row.versions):
        made = local_moment(each.created_at, now_us)
        about = clean(each.description) if each.description != row.description else ""
        out += _version(each.version, each.code_sha, made, each.invocations, about, width)
        if each.version in provisioned:
            out += _provisioned(provisioned[each.version], width)
    return out


def _bar(share: float) -> tuple[Piece, ...]:
    """At least one full cell for what gets anything, one empty one for what does not get all."""
    full = min(BAR - (share < 1), max(share > 0, round(share * BAR)))
    return (("▰" * full, "ok"), ("▱" * (BAR - full), "faint"), (right(f"{share * 100:.4g} %", 7), ""))


def _version(name: str, sha: str, made: str, calls: int, note: str, width: int, tag: str = "dim") -> list[Line]:
    """The note beside the figures, or under them where it is too long."""
    ran = f"{compact(calls)} call{'s' * (calls != 1)}" if calls else "no call"
    pieces: tuple[Piece, ...] = (
        (f"{name:7}", "" if name != LATEST else "dim"),
        (f" {short_sha(sha):4}", "dim"),
        (f" {made:8}", "dim"),
        (right(ran, 12), "" if calls else "faint"),
    )
    if note and width_of(pieces) + 2 + width_of(((note, ""),)) > width:
        return [line(*pieces), *hanging((("        ", ""),), note, width, tag)]
    return [line(*pieces, (f"  {note}" if note else "", tag))]


def _provisioned(each: ProvisionedRow, width: int) -> list[Line]:
    glyph, tag = PROVISIONED.get(each.status, ("·", "dim"))
    parts = [f"{each.allocated} of {each.requested} ready"]
    parts += [f"{each.in_use} in use"] if each.in_use else []
    parts += [f"{plural(each.spillover, 'call')} spilled over"] if each.spillover else []
    parts += [clean(each.reason)] if each.reason else []
    head = (("  ", ""), (f"{glyph} ", tag))
    return hanging(head, f"provisioned {', '.join(parts)}", width, tag if each.status == "FAILED" else "dim")


def trigger_lines(row: FunctionRow, width: int) -> list[Line]:
    """What makes it run, and what is wrong with it."""
    out = [shown for text in row.triggers for shown in hanging((("→ ", "info"),), clean(text), width)]
    if not out:
        out = paragraphs("no trigger: press i to invoke it", width, "dim")
    for problem in row.problems:
        place = f"{problem.file}:{problem.line}" if problem.file and problem.line else problem.file or ""
        out += [line(), line(("⚠ ", "warn"), (clean(place), "blue"))]
        out += [line(("  ", ""), *part.pieces) for part in paragraphs(clean(problem.message), width - 2, "warn")]
        out += [line(("  ", ""), *part.pieces) for part in paragraphs(clean(problem.remedy), width - 2, "dim")]
    return out
