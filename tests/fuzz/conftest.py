"""How many inputs each fuzzer tried, told at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz.fuzzing import LONG, tried


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:  # one of several processes
        output["fuzzed"] = dict(tried)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    tried.update(getattr(node, "workeroutput", {}).get("fuzzed", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LONG and tried:
        terminalreporter.section(f"{tried.total():,} inputs tried")
        for target, count in sorted(tried.items()):
            terminalreporter.write_line(f"{count:12,}  {target.replace('_', ' ')}")
