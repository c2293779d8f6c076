"""Writes docs/support.md: what of a project is served here and which AWS operations are answered, from the tables by
which the readers and the endpoint themselves decide."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import MagicMock

from lambdatui.api.aws import lambda_table
from lambdatui.api.aws.cloudwatch import CloudWatch
from lambdatui.api.aws.kinesis import Kinesis
from lambdatui.api.aws.sqs import Sqs
from lambdatui.config import serverless_support
from lambdatui.config.support import TABLES, Table

TARGET = Path(__file__).resolve().parents[1] / "docs" / "support.md"
_HEAD = """\
# What is read of a project

Made by `make tables` from `lambdatui/config/support.py` and `serverless_support.py`, by which the
readers decide.

- **served**: works as on AWS, but for what the note says.
- **kept**: means nothing on one machine. It is shown with the function, and nothing is said about it.
- **not served**: `lambdatui check` says so, with file, line and what to do instead.
"""
_OPERATIONS = """
## Operations of the AWS endpoint

What the engine answers itself, durably. Other operations of these services answer with an AWS error that says so; other
services are answered by the local AWS, or by what `--aws` names.

| service | operations |
|---|---|
"""


def document() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, table in (TABLES | serverless_support.TABLES).items():
        parts.append(f"\n## {title}\n\n| name | here | note |\n|---|---|---|\n{_rows(table)}")
    parts.append(_OPERATIONS)
    for service, names in _operations().items():
        parts.append(f"| {service} | {', '.join(sorted(names))} |\n")
    return "".join(parts)


def _operations() -> dict[str, set[str]]:
    """What the endpoint answers itself, by service."""
    door = MagicMock()  # the tables are made before anything is asked of it
    lambda_names = {"Invoke", "InvokeAsync", *(route.name for route in lambda_table.TABLE)}
    return {
        "Lambda": lambda_names,
        "SQS": set(Sqs(door).operations),
        "Kinesis": set(Kinesis(door).operations),
        "CloudWatch (AWS/Lambda)": set(CloudWatch(door, door).operations),
    }


def _rows(table: Table) -> str:
    return "".join(f"| `{name}` | {row.status} | {row.note.replace('|', '&#124;')} |\n" for name, row in table.items())


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text(encoding="utf-8") != document())
    TARGET.write_text(document(), encoding="utf-8")
