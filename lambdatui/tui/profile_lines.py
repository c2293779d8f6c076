"""Where a function's time goes, as lines: what its cold start imports, and the calls of a profile. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lambdatui.client.profile import (
    EVERY,
    IMPORT_SHARE,
    PLACES,
    Call,
    Shown,
    call_tree,
    called_thread,
    import_calls,
    rows,
    shares,
)
from lambdatui.profiles import ColdStart, Profile, ProfileReply, ProfileThread
from lambdatui.tui.details import relative
from lambdatui.tui.text import clean, local_moment, millis, plural, usd
from lambdatui.tui.widgets.lines import Line, Piece, fit, line, paragraphs

BAR = 8
MOST_THREADS = 5
_TAGS = {"own": "bold", "layer": "bold", "standard": "dim"}


def cold_start_lines(start: ColdStart | None, now_us: int, width: int) -> list[Line]:
    """Its parts, what they cost, then each import below the one that it is part of."""
    if start is None:
        return paragraphs("no fresh init is stored yet: press i to invoke it", width, "dim")
    whole = start.runtime_ms + start.libraries_ms + start.own_ms
    parts = (("runtime", start.runtime_ms), ("libraries", start.libraries_ms), ("own module", start.own_ms))
    out = [
        line((f"{name:11}", "dim"), *_bar(value / whole if whole else 0), (f"{millis(value):>9}", ""))
        for name, value in parts
    ]
    for sentence in _costs(start, now_us):
        out += paragraphs(sentence, width, "dim")
    calls = import_calls(start.imports)
    longest = max((call.total_us for call in calls), default=0) or 1
    out.append(line())
    for row in rows(calls, least_share=IMPORT_SHARE, library_depth=EVERY, indent=1):
        share = row.call.total_us / longest
        out.append(Line(fit((*_bar(share), (f"{millis(row.call.total_us / 1000):>8} ", ""), *_module(row)), width)))
    if len(out) == len(parts) + 2:
        out.append(line(("it imports nothing", "dim")))
    return out


def _costs(start: ColdStart, now_us: int) -> Iterator[str]:
    yield f"{plural(start.imports.modules, 'module')}, fresh init {local_moment(start.at, now_us)}"
    if start.billed_share is not None:
        calls = plural(start.invocations, "invocation")
        yield f"{start.billed_share:.0%} of the bill: {start.cold_starts} of {calls} started cold"
    if start.usd_per_1000 is not None:
        yield f"1,000 such inits cost {usd(start.usd_per_1000)}"


def _bar(share: float) -> tuple[Piece, ...]:
    full = max(1, min(BAR, round(share * BAR)))
    return (("▰" * full, "info"), ("▱" * (BAR - full), "faint"))


def _module(row: Shown) -> tuple[Piece, ...]:
    place = row.call.frame.place
    where = f"  {PLACES.get(place, place)}" if row.elsewhere else ""
    return (row.branch, "faint"), (clean(row.call.frame.name), _TAGS.get(place, "")), (where, "dim")


def profile_lines(reply: ProfileReply, root: str, width: int) -> list[Line]:
    """Each phase with the calls of the thread that it ran on, then those of the others."""
    out: list[Line] = []
    for profile in reply.profiles:
        out += _phase(profile, root, width)
    if not reply.profiles:
        out = paragraphs("its process ended before what was sampled could be sent", width, "warn")
    return out


def _phase(profile: Profile, root: str, width: int) -> list[Line]:
    thread = called_thread(profile)
    calls = call_tree(profile, thread) if thread is not None else []
    cpu = "" if profile.cpu_us is None else f", {millis(profile.cpu_us / 1000)} on the CPU"
    samples = thread.samples if thread is not None else 0
    parts = ", ".join(f"{PLACES.get(place, place)} {share:.0%}" for place, share in shares(calls).items())
    out = [
        line((profile.phase, "bold"), f"  {millis(profile.wall_us / 1000)}{cpu}", (f"  {samples} samples", "dim")),
        *paragraphs(parts, width, "dim"),
        line(("TOTAL   SELF        ms  function", "dim")),
        *_calls(calls, root, width),
        line(),
    ]
    for other in _others(profile, sum(call.total_us for call in calls)):
        out += [line(("thread  ", "dim"), (clean(other.name), "bold")), *_calls(call_tree(profile, other), root, width)]
    return out


def _others(profile: Profile, whole_us: int) -> list[ProfileThread]:
    """Threads that ran for long enough to matter."""
    others = [each for each in profile.threads if not each.called and sum(each.weights) * 100 >= whole_us]
    return sorted(others, key=lambda each: -sum(each.weights))[:MOST_THREADS]


def _calls(calls: list[Call], root: str, width: int) -> list[Line]:
    whole = sum(call.total_us for call in calls) or 1
    out = []
    for row in rows(calls):
        call = row.call
        figures = (
            f"{100 * call.total_us / whole:>5.1f}% {100 * call.own_us / whole:>5.1f}% {call.total_us / 1000:>9.1f}  "
        )
        name = (clean(call.frame.name) + (" …" if row.folded else ""), _TAGS.get(call.frame.place, ""))
        where = f"  {clean(relative(call.frame.file, root))}:{call.frame.line}"
        out.append(Line(fit(((figures, ""), (row.branch, "faint"), name, (where, "blue")), width)))
    return out
