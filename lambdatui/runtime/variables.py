"""`os.environ` in a zygote: which variables libraries look at while they are imported, and a fork's own afterwards."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

# Read by the loader, the C library or the interpreter when a program starts: a fork cannot have others than its zygote.
_AT_START = ("LANG", "LANGUAGE", "LC_", "LD_", "MALLOC_", "GLIBC_")
# Set by the interpreter itself where it finds the locale C, or one that is not installed:
# https://docs.python.org/3/using/cmdline.html#envvar-PYTHONCOERCECLOCALE
_COERCED = "LC_CTYPE"
_Environ: Any = type(os.environ)


class _Watched(_Environ):  # type: ignore[misc]
    """The mapping, with everybody's reads and writes noted in `noted`."""

    noted: Watch

    def __getitem__(self, key: Any) -> Any:
        self.noted.reads.add(os.fsdecode(key))
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.noted.writes.add(os.fsdecode(key))
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self.noted.writes.add(os.fsdecode(key))
        super().__delitem__(key)

    def __iter__(self) -> Iterator[Any]:
        self.noted.reads.add("*")
        return iter(super().__iter__())


class Watch:
    """Notes reads and writes of variables between `begin` and `end`; "*" stands for a look at all."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.writes: set[str] = set()

    def begin(self) -> None:
        _Watched.noted = self
        for mapping in (os.environ, os.environb):
            mapping.__class__ = _Watched

    def end(self) -> None:
        for mapping in (os.environ, os.environb):
            mapping.__class__ = _Environ


def replace(variables: dict[str, str]) -> None:
    """These and no others from now on, for C code and children too."""
    zone = os.environ.get("TZ")
    for name in [each for each in os.environ if each not in variables and each != _COERCED]:
        del os.environ[name]
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    if variables.get("TZ") != zone:
        from time import tzset

        tzset()


def differs(variables: dict[str, str]) -> str | None:
    """The name of a variable that only a fresh start can have so; None where a fork can."""
    names = {name for name in (*variables, *os.environ) if name.startswith(_AT_START)}
    if _COERCED not in variables:
        names.discard(_COERCED)
    return next((name for name in sorted(names) if variables.get(name) != os.environ.get(name)), None)
