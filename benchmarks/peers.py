"""Other local Lambdas beside this one: the same trivial handler, in the same run, in turns, on the same cores.

    python -m benchmarks.peers [--rounds N] [--only NAMES] [--keep]

Installs what is not there yet into benchmarks/.peers (pip and npm). A peer that cannot be installed or dies is a line
that says so. `--keep` writes the section "Peers" of RESULTS.md.
"""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import Row, at_least, folder, load, parser, report
from benchmarks.peer_servers import (
    ALL,
    CONNECTIONS,
    RATE_S,
    SEEN_S,
    Lambdatui,
    Peer,
    PeerError,
    RuntimeClient,
    ServerlessOffline,
)
from benchmarks.results import circumstances, keep, table, with_block

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
EDITS = 5
SETTLE_S = 2.0  # for processes that end by themselves
TITLES = (
    "| | version | warm p50, 1 connection | throughput, 8 connections | its CPU a call | save → new answer"
    f" | processes left by {EDITS} saves | left after its end |"
)
INTRODUCTION = (
    "`make bench-peers` installs and measures this anew. Every server runs the same trivial handler on the same Python,"
    " clients and servers share the cores, turns alternate, medians of the rounds. A server is called by Invoke over"
    " keep-alive connections; python-lambda-local is a command."
)


@dataclass
class Found:
    """What was measured of one; `fault` says why there is no more."""

    peer: Peer
    version: str = ""
    fault: str = ""
    p50_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # a call
    saved_ms: list[float] = field(default_factory=list)
    missed: int = 0  # saves that no answer showed in SEEN_S
    left_by_saves: int | None = None  # processes
    left_at_end: int | None = None

    def do(self, work: Callable[[Found], object]) -> None:
        """Unless it failed before; a failure is kept, not raised."""
        if self.fault:
            return
        try:
            work(self)
        except (PeerError, OSError, SystemExit) as error:
            self.fault = str(error)[:200] or type(error).__name__
            print(f"{self.peer.name}: {self.fault}", flush=True)


def measure(peers: Sequence[Peer], rounds: int, root: Path) -> list[Found]:
    every = [Found(peer) for peer in peers]
    try:
        for one in every:
            one.do(installed)
            one.do(lambda it: setattr(it, "version", it.peer.version()))
            one.do(lambda it: it.peer.start(root / it.peer.name))
            one.do(lambda it: it.peer.rate())  # not counted: every connection has its process then
        for number in range(rounds):
            order = every if number % 2 == 0 else every[::-1]
            for one in order:
                one.do(lambda it: it.p50_ms.append(it.peer.p50_ms()))
            for one in order:
                one.do(rate)
    finally:
        for one in every:
            one.left_at_end = one.peer.end()
    for one in every:
        if one.peer.reloads:
            one.do(lambda it: saves(it, root / f"{it.peer.name}-saves"))
    return every


def installed(found: Found) -> None:
    """Once: what is there stays as it is, until its folder is removed."""
    try:
        found.peer.version()
    except (PeerError, OSError):
        print(f"installing {found.peer.name}", flush=True)
        found.peer.install()


def rate(found: Found) -> None:
    """Eight connections for a while, and what a call costs the server's processes together."""
    before = found.peer.cpu_s()
    found.rate.append(found.peer.rate())
    found.cpu_ms.append((found.peer.cpu_s() - before) / (found.rate[-1] * RATE_S) * 1e3)


def saves(found: Found, root: Path) -> None:
    """A few saves one after the other, on a server of their own that looks at new code."""
    peer = type(found.peer)()
    peer.start(root, reloads=True)
    try:
        peer.saved_ms("warm")
        time.sleep(SETTLE_S)
        before = len(peer.processes())
        for number in range(EDITS):
            took = peer.saved_ms(f"saved-{number}")
            found.missed += took is None
            found.saved_ms += [] if took is None else [took]
        time.sleep(SETTLE_S)
        found.left_by_saves = len(peer.processes()) - before
    finally:
        peer.end()


def line(found: Found) -> str:
    peer = found.peer
    cpu_ms = statistics.median(found.cpu_ms) if found.cpu_ms else 0.0
    if not found.p50_ms or not found.rate:
        return f"| {peer.name} | {found.version or '–'} | {found.fault or 'not measured'} | | | | | |"
    saved = f"{statistics.median(found.saved_ms):,.0f} ms ({peer.reload_how})" if found.saved_ms else peer.reload_how
    saved += f"; {found.missed} of {EDITS} saves not answered by new code in {SEEN_S:.0f} s" if found.missed else ""
    cells = [
        peer.name,
        found.version,
        f"{statistics.median(found.p50_ms):,.2f} ms",
        f"{statistics.median(found.rate):,.0f}/s",
        f"{cpu_ms:.2f} ms" if cpu_ms else "",
        saved + (f"; then: {found.fault}" if found.fault else ""),
        "" if found.left_by_saves is None else f"{found.left_by_saves}",
        f"{found.left_at_end}",
    ]
    return f"| {' | '.join(cells)} |"


def goal(every: Sequence[Found]) -> list[Row]:
    """The row with the goal, where both could be measured."""
    rates = {type(one.peer): statistics.median(one.rate) for one in every if one.rate}
    if Lambdatui not in rates or ServerlessOffline not in rates:
        return []
    what = f"throughput, {CONNECTIONS} connections, beside serverless-offline"
    note = ""
    if RuntimeClient in rates:
        most = rates[RuntimeClient] / rates[ServerlessOffline]
        note = f"AWS's runtime client behind a server that does nothing else reaches {most:.2f}× in the same turns"
    return [at_least(what, rates[Lambdatui], "/s", "serverless-offline", rates[ServerlessOffline], 2, note)]


def main() -> None:
    asking = parser(__doc__)
    asking.add_argument("--only", help="names, with commas between; lambdatui is always there")
    asking.add_argument("--keep", action="store_true", help="write the section of RESULTS.md")
    asked = asking.parse_args()
    only = asked.only.split(",") if asked.only else None
    peers = [kind() for kind in ALL if only is None or kind is Lambdatui or kind.name in only]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are ended then, too
    before = load()
    with folder() as root:
        every = measure(peers, asked.rounds, root)
    lines = [TITLES, "|---|---|---|---|---|---|---|---|", *map(line, every)]
    print("\n".join(lines), end="\n\n")
    rows = goal(every)
    report(asked, rows, before)
    if asked.keep:
        told = [*table([["peers", *row] for row in rows]), ""] if rows else []
        measured = circumstances(before, load())
        keep("Peers", [INTRODUCTION, "", measured, "", *lines, "", *told])
        DOCUMENT.write_text(with_block(DOCUMENT.read_text(), "peers", [*lines, "", f"Measured {measured}"]))


if __name__ == "__main__":
    main()
