"""Payloads, names and paths reach other programs as arguments or files: no command line is ever put together."""

from __future__ import annotations

import ast
from pathlib import Path

import lambdatui

_SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell", "spawnlp", "execlp"}
_STARTERS = {"Popen", "run", "call", "check_call", "check_output"}


def test_nothing_is_passed_through_a_shell() -> None:
    started = 0
    for file in sorted(Path(lambdatui.__file__).parent.rglob("*.py")):
        source = file.read_bytes()
        if b"subprocess" not in source and b"os." not in source:
            continue
        assert not any(b"." + name.encode() + b"(" in source for name in _SHELLS), file
        if b"subprocess." not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _STARTERS
            ):
                continue
            if getattr(node.func.value, "id", None) == "subprocess":
                started += 1
                assert "shell" not in {word.arg for word in node.keywords}, f"{file}:{node.lineno}"
                assert not isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp), f"{file}:{node.lineno}"
    assert started >= 5
