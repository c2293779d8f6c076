"""What a profile says: calls as a tree with their times, shares by where the code stands, and speedscope's document.

Pure. The document's form: https://www.speedscope.app/file-format-schema.json
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lambdatui import __version__
from lambdatui.profiles import ImportTree, Profile, ProfileFrame, ProfileThread

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
PLACES = {
    "own": "your code",
    "layer": "layers",
    "packages": "packages",
    "sdk": "SDK",
    "standard": "standard library",
    "missing": "not found",
    "other": "elsewhere",
}
LEAST_SHARE = 0.005  # of the whole
IMPORT_SHARE = 0.01
LIBRARY_DEPTH = 2  # calls inside of libraries that are shown below code of one's own
EVERY = 10_000  # as a depth


_ROOT = ProfileFrame("", "", 0, "other")


class Call(msgspec.Struct, kw_only=True):
    """A function where it was called; microseconds."""

    frame: ProfileFrame
    own_us: int = 0
    total_us: int = 0
    calls: list[Call] = []  # what it called, the dearest first

    @property
    def own_code(self) -> bool:
        return self.frame.place in ("own", "layer")


class Shown(msgspec.Struct, frozen=True):
    """One row of a tree: what stands before its name, to draw the branches."""

    branch: str
    call: Call
    folded: bool = False  # what it calls is not shown, though it takes long enough
    elsewhere: bool = False  # it stands in another place than what called it


def call_tree(profile: Profile, thread: ProfileThread) -> list[Call]:
    """The outermost calls of a thread with all below them, the dearest first."""
    nodes = profile.nodes
    calls = [Call(frame=profile.frames[frame] if frame >= 0 else _ROOT) for frame in nodes[1::2]]
    for node, weight in zip(thread.nodes, thread.weights, strict=True):
        calls[node].own_us += weight
    for number in range(len(calls) - 1, -1, -1):  # a call's number is higher than its caller's
        call = calls[number]
        call.total_us += call.own_us
        call.calls.sort(key=lambda each: -each.total_us)
        if number and call.total_us:
            caller = calls[nodes[2 * number]]
            caller.total_us += call.total_us
            caller.calls.append(call)
    return calls[0].calls


def rows(
    calls: Sequence[Call], *, least_share: float = LEAST_SHARE, library_depth: int = LIBRARY_DEPTH, indent: int = 2
) -> Iterator[Shown]:
    """A tree's rows from the top, without what took less than `least_share` and without the inside of libraries.
    `indent`: cells of a level."""
    least = sum(call.total_us for call in calls) * least_share
    for row in _rows(calls, "", least, library_depth, library_depth, None):
        yield row if indent == 2 else msgspec.structs.replace(row, branch=_narrow(row.branch))


def _narrow(branch: str) -> str:
    """One cell a level, and one before the name."""
    return branch[::2] + " " if branch else ""


def _rows(
    calls: Sequence[Call], indent: str, least: float, most: int, depth: int, place: str | None
) -> Iterator[Shown]:
    """`most` and `depth`: libraries' calls below one's own code, and how many of them are left here; `place`: the
    caller's."""
    large = [call for call in calls if call.total_us >= least]
    for number, call in enumerate(large):
        last = number == len(large) - 1
        inside = most if call.own_code else depth - 1
        below = call.calls if inside > 0 else [each for each in call.calls if _leads_home(each)]
        folded = sum(each.total_us for each in call.calls) - sum(each.total_us for each in below) >= max(least, 1)
        branch, under = (indent + "└ ", indent + "  ") if last else (indent + "├ ", indent + "│ ")
        if place is None:
            branch = under = ""
        yield Shown(branch, call, folded, call.frame.place != place)
        yield from _rows(below, under, least, most, inside, call.frame.place)


def _leads_home(call: Call) -> bool:
    """Whether it comes back to code of one's own."""
    waiting = [call]
    while waiting:
        each = waiting.pop()
        if each.own_code:
            return True
        waiting += each.calls
    return False


def shares(calls: Iterable[Call]) -> dict[str, float]:
    """{kind of place: share of 0..1 of the time in functions that stand there}, the largest first."""
    times: dict[str, int] = {}
    waiting = list(calls)
    while waiting:
        call = waiting.pop()
        times[call.frame.place] = times.get(call.frame.place, 0) + call.own_us
        waiting += call.calls
    whole = sum(times.values())
    return {place: us / whole for place, us in sorted(times.items(), key=lambda item: -item[1]) if us}


def import_calls(tree: ImportTree) -> list[Call]:
    """The imports as a tree of calls in their own order; `file` is the folder of the search path."""
    calls = []
    for node in tree.nodes:
        place = tree.places[node.place]
        frame = ProfileFrame(node.module, place.folder, 0, place.kind)
        calls.append(Call(frame=frame, own_us=node.own_us, total_us=node.total_us))
        if node.parent >= 0:
            calls[node.parent].calls.append(calls[-1])
    for call in calls:
        call.calls.sort(key=lambda each: -each.total_us)
    return sorted(
        (call for call, node in zip(calls, tree.nodes, strict=True) if node.parent < 0), key=lambda c: -c.total_us
    )


def called_thread(profile: Profile) -> ProfileThread | None:
    """The thread that the handler, or the import, ran on."""
    return next((thread for thread in profile.threads if thread.called), None)


def speedscope(name: str, profiles: Sequence[Profile]) -> dict[str, object]:
    """The document that https://www.speedscope.app opens: one profile for each phase and thread."""
    frames: list[dict[str, object]] = []
    sampled: list[dict[str, object]] = []
    for profile in profiles:
        first = len(frames)
        frames += [{"name": each.name, "file": each.file, "line": each.line} for each in profile.frames]
        stacks = _stacks(profile, first)
        for thread in sorted(profile.threads, key=lambda each: not each.called):
            title = f"{name} {profile.phase}" + ("" if thread.called else f", {thread.name}")
            sampled.append(
                {
                    "type": "sampled",
                    "name": title,
                    "unit": "microseconds",
                    "startValue": 0,
                    "endValue": max(sum(thread.weights), profile.wall_us if thread.called else 0),
                    "samples": [stacks[node] for node in thread.nodes],
                    "weights": thread.weights,
                }
            )
    handler = [at for at, each in enumerate(sampled) if each["name"] == f"{name} handler"]
    return {
        "$schema": SCHEMA,
        "name": name,
        "exporter": f"lambdatui@{__version__}",
        "activeProfileIndex": handler[0] if handler else 0,
        "shared": {"frames": frames},
        "profiles": sampled,
    }


def _stacks(profile: Profile, first: int) -> list[list[int]]:
    """The stack of each node as frames, the outermost first."""
    stacks: list[list[int]] = [[]]
    nodes = profile.nodes
    for number in range(1, len(nodes) // 2):
        stacks.append([*stacks[nodes[2 * number]], first + nodes[2 * number + 1]])
    return stacks
