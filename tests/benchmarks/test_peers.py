"""Peers side by side: one that fails is a line that says so, and does not end the others' run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peer_servers import Lambdatui, Peer, PeerError, ServerlessOffline


class Steady(Peer):
    name = "steady"
    reload_how = "watches"

    def install(self) -> None:
        pass

    def version(self) -> str:
        return "steady 1"

    def start(self, work: Path, *, reloads: bool = False) -> None:
        pass

    def p50_ms(self) -> float:
        return 0.5

    def rate(self) -> float:
        return 1000.0

    def saved_ms(self, answer: str) -> float | None:
        return None if answer.endswith("0") else 12.0

    def end(self) -> int:
        return 0


class Missing(Steady):
    name = "missing"

    def install(self) -> None:
        raise PeerError("npm is not installed")

    def version(self) -> str:
        raise FileNotFoundError


class Dies(Steady):
    name = "dies"
    calls = 0

    def rate(self) -> float:
        self.calls += 1
        if self.calls > 2:
            raise SystemExit("the server closed the connection")
        return 1000.0

    def end(self) -> int:
        return 2


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "SETTLE_S", 0)


def measured(tmp_path: Path, *every: Peer) -> list[str]:
    return [peers.line(found) for found in peers.measure(every, 3, tmp_path)]


def test_one_that_cannot_be_installed_says_why_and_the_others_are_measured(tmp_path: Path):
    missing, steady = measured(tmp_path, Missing(), Steady())
    assert missing == "| missing | – | npm is not installed | | | | | |"
    assert steady.startswith("| steady | steady 1 | 0.50 ms | 1,000/s |  | 12 ms (watches); 1 of 5 saves not answered")


def test_one_that_dies_keeps_what_it_gave_and_says_so(tmp_path: Path):
    [line] = measured(tmp_path, Dies())
    assert "1,000/s" in line
    assert "then: the server closed the connection" in line
    assert line.endswith("| 2 |")


def test_every_round_is_turned_around(tmp_path: Path):
    asked: list[str] = []

    class Told(Steady):
        def p50_ms(self) -> float:
            asked.append(self.name)
            return 1.0

    first, second = Told(), Told()
    first.name, second.name = "a", "b"
    peers.measure([first, second], 3, tmp_path)
    assert asked == ["a", "b", "b", "a", "a", "b"]


def test_the_goal_is_twice_serverless_offline_where_both_were_measured():
    ours, theirs = peers.Found(Lambdatui(), rate=[900, 2100, 2000]), peers.Found(ServerlessOffline(), rate=[1000])
    [row] = peers.goal([ours, theirs])
    assert (row.ratio, row.met) == ("2.00×", True)
    assert peers.goal([ours]) == []
