"""Filter patterns over space-delimited messages: `[ip, ..., status = 4* && status != 403, bytes > 1000]`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from lambdatui.api.aws.logs_syntax import Check, PatternError, Scanner, number_of

_NAME = re.compile(r"[\w.$-]+")
_BARE = re.compile(r"""[^\s"%\[\](){}&|,]+""")
_DOTS = re.compile(r"\.\.\.")
_FIELD = re.compile(r'\[([^\]]*)\]|"((?:[^"\\]|\\.)*)"|(\S+)', re.DOTALL)
_FIELD_BEHIND_BRACKETS = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)', re.DOTALL)


def compiled(text: str) -> Callable[[str], bool]:
    """Whether a message has these fields. `...` stands for any number of them. Raises PatternError."""
    scanner = Scanner(text)
    scanner.need("[")
    checks: list[Check] = []
    dots: int | None = None
    while True:
        if scanner.match(_DOTS):
            if dots is not None:
                raise PatternError("Invalid filter pattern: it has more than one ellipsis")
            dots = len(checks)
        else:
            checks.append(_field(scanner))
        if not scanner.take(","):
            break
    scanner.need("]")
    scanner.end()

    def matches(message: str) -> bool:
        fields = _fields(message)
        if dots is None:
            if len(fields) != len(checks):
                return False
        elif len(fields) < len(checks):
            return False
        else:
            behind = len(checks) - dots
            fields = fields[:dots] + fields[len(fields) - behind :]
        return all(check(field, number_of(field)) for check, field in zip(checks, fields, strict=True))

    return matches


def _fields(message: str) -> list[str]:
    """Each `[` looks for its `]` to the end of the message: not any more behind the last one."""
    fields, at, last = [], 0, message.rfind("]")
    while (match := (_FIELD if at <= last else _FIELD_BEHIND_BRACKETS).search(message, at)) is not None:
        fields.append("".join(group or "" for group in match.groups()))
        at = match.end()
    return fields


def _field(scanner: Scanner) -> Check:
    """A name, perhaps with conditions on the field: `&&` binds closer than `||`. Neither name nor condition: any."""
    either: list[list[Check]] = [[]]
    while True:
        scanner.match(_NAME)
        check = scanner.comparison(_BARE)
        if check is not None:
            either[-1].append(check)
        if scanner.take("||"):
            either.append([])
        elif not scanner.take("&&"):
            break
    return lambda text, number: any(all(check(text, number) for check in checks) for checks in either)
