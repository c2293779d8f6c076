"""Writes docs/support.md: what of templates is served here, from the tables that the readers themselves decide by."""

from __future__ import annotations

import sys
from pathlib import Path

from lambdatui.config import serverless_support
from lambdatui.config.support import TABLES, Table

TARGET = Path(__file__).resolve().parents[1] / "docs" / "support.md"
_HEAD = """\
# What is read of a project

Made by `python tools/support_tables.py` from `lambdatui/config/support.py` and `serverless_support.py`, by which the
readers decide.

- **served**: works as on AWS, but for what the note says.
- **kept**: means nothing on one machine. It is shown with the function, and nothing is said about it.
- **not served**: `lambdatui check` says so, with file, line and what to do instead.
"""


def document() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, table in (TABLES | serverless_support.TABLES).items():
        parts.append(f"\n## {title}\n\n| name | here | note |\n|---|---|---|\n{_rows(table)}")
    return "".join(parts)


def _rows(table: Table) -> str:
    return "".join(f"| `{name}` | {row.status} | {row.note.replace('|', '&#124;')} |\n" for name, row in table.items())


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text(encoding="utf-8") != document())
    TARGET.write_text(document(), encoding="utf-8")
