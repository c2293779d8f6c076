"""--env-vars files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdatui.config.env_vars import load_env_vars
from lambdatui.errors import UsageError


def read(tmp_path: Path, name: str, text: str) -> dict[str, dict[str, str]]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return load_env_vars(file)


def test_sams_form(tmp_path: Path) -> None:
    text = '{"Orders": {"A1": "x", "B1": true, "C1": 1.50, "D1": null}, "Parameters": {"E1": "y"}}'
    assert read(tmp_path, "env.json", text) == {
        "Orders": {"A1": "x", "B1": "true", "C1": "1.50", "D1": ""},
        "Parameters": {"E1": "y"},
    }
    assert read(tmp_path, "anything", " {}") == {}


def test_dotenv(tmp_path: Path) -> None:
    text = (
        "# comment\n\nA=1\nexport B = two words  # note\nC='single \\n $x' # c\n"
        'D="a\\n\\"b\\""\r\nE=\nF=a#b\nG="two\nlines"\nH=#none\n  I==x'
    )
    assert read(tmp_path, ".env", text) == {
        "": {
            "A": "1",
            "B": "two words",
            "C": "single \\n $x",
            "D": 'a\n"b"',
            "E": "",
            "F": "a#b",
            "G": "two\nlines",
            "H": "",
            "I": "=x",
        }
    }


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("e.json", '{\n"a": }', "line 2: no JSON"),
        ("e.json", "[1]", "line 1: write it as"),
        ("e.json", '{\n"Orders": "x"}', "line 2: Orders must hold"),
        ("e.json", '{"Orders": {\n"A": [1]}}', "line 2: Orders.A must be"),
        (".env", "A=1\nnonsense\n", "line 2: 'nonsense'"),
        (".env", "A=1\nB='x\n", "line 2: the quote"),
        (".env", "A='x' y\n", "stands after"),
    ],
)
def test_bad_files_are_usage_errors_with_their_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"env|json") as caught:
        read(tmp_path, name, text)
    assert says in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_env_vars(tmp_path / "gone")
    (tmp_path / "bin").write_bytes(b"A=1\n\xff")
    with pytest.raises(UsageError, match="line 2: it is not UTF-8"):
        load_env_vars(tmp_path / "bin")
