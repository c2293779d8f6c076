"""The error tree. Every message names the thing and the next step; the outer edges turn it into an exit code.

LambdaTuiError
├── UsageError            exit 2: wrong usage, or no such thing
│   └── NotFound          no function, queue, stream, entry or request of that name
├── OperationFailed       exit 1: the thing was tried and failed
├── NoEngine              exit 3: no engine could be reached
└── StoreError            exit 1: the data directory cannot be used as it is
"""

from __future__ import annotations


class LambdaTuiError(Exception):
    """Root of all errors that a user is meant to read; `exit_code` is what the command ends with."""

    exit_code = 1


class UsageError(LambdaTuiError):
    """The request itself is wrong: nothing was done."""

    exit_code = 2


class NotFound(UsageError):
    """Nothing of that name exists."""


class FunctionGone(NotFound):
    """A function left the project, or another one of its name took its place, while something waited for its code."""


class OperationFailed(LambdaTuiError):
    """The request was right; carrying it out failed."""


class NoEngine(LambdaTuiError):
    """No engine runs for this project, or it does not answer."""

    exit_code = 3


class StoreError(LambdaTuiError):
    """The data directory cannot be opened, written or understood."""
