"""Lambda's own module for SnapStart's hooks: they are registered, and never run, as no snapshot is taken here.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Function = Callable[..., Any]
    Hook = tuple[Function, tuple[Any, ...], dict[str, Any]]

_before: "list[Hook]" = []
_after: "list[Hook]" = []


def register_before_snapshot(func: "Function", *args: "Any", **kwargs: "Any") -> "Function":
    """A call, or a decorator without arguments; the function itself is given back."""
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func: "Function", *args: "Any", **kwargs: "Any") -> "Function":
    """As `register_before_snapshot`."""
    _after.append((func, args, kwargs))
    return func


def get_before_snapshot() -> "list[Hook]":
    """What was registered, in that order."""
    return _before


def get_after_restore() -> "list[Hook]":
    """As `get_before_snapshot`."""
    return _after
