"""A search through the log in a process of its own, for expressions that may try many ways on a line.

Python's matcher holds the interpreter's lock: in the engine a single `a*a*b` on 2,000 characters would keep every
invocation waiting for 13 s. Here it may take PATIENCE_S, beside the engine, and is ended then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from lambdatui.config.backtracking import Bounded
from lambdatui.errors import OperationFailed, UsageError
from lambdatui.schema import LogLine
from lambdatui.store import logs
from lambdatui.store.database import open_readonly
from lambdatui.store.reader import Reader

PATIENCE_S = 30.0
_NICE = 10
T = TypeVar("T")


class Lines(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What Reader.logs is asked."""

    data: str
    pattern: str
    functions: list[str]
    min_level: str | None
    request_id: str | None
    since_us: int | None
    after_id: int
    limit: int | None

    def answer(self) -> list[LogLine]:
        asked = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("data", "pattern")}
        return Reader(Path(self.data)).logs(pattern=re.compile(self.pattern), **asked)


class Events(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What LogStore.page is asked."""

    data: str
    pattern: str
    span: logs.Span
    limits: logs.Limits
    now_us: int

    def answer(self) -> logs.Page:
        from lambdatui.api.aws.logs_pattern import compiled

        connection = open_readonly(Path(self.data) / "history.db")
        return logs.page(connection, self.span, self.limits, compiled(self.pattern), self.now_us)


async def search(turns: asyncio.Semaphore, asked: Lines | Events, kind: type[T]) -> T:
    """The answer, as that kind, when it is its turn. Raises UsageError where it takes too long."""
    async with turns:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "lambdatui.api.apart", str(os.getpid()), str(round(PATIENCE_S) + 1),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd="/",
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer, _ = await process.communicate(msgspec.json.encode(asked))
        except TimeoutError:
            raise UsageError(
                f"the search took longer than {PATIENCE_S:g} s and was ended: write the pattern with fewer "
                "repeats, or search less (a function, a time)"
            ) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
    if process.returncode:
        raise OperationFailed("the search failed; the engine's log says why")
    return msgspec.msgpack.decode(answer, type=kind)


def main(engine: int, seconds: int) -> None:
    """Answer the question on stdin; at the latest in so many seconds there is no such process any more."""
    from lambdatui.spawner import tree

    signal.alarm(seconds)  # nothing catches it: it ends a match, too
    tree.die_with_parent(engine)
    os.nice(_NICE)
    Bounded.limited = False
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Lines | Events)
    sys.stdout.buffer.write(msgspec.msgpack.encode(asked.answer()))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
