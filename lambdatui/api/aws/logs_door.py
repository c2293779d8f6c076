"""What CloudWatch Logs' operations share: members of a request, whose groups are ours, tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import decoded
from lambdatui.engine.variables import log_group
from lambdatui.store.logs import LogGroup, LogStore

FUNCTIONS = "/aws/lambda/"  # groups with such names are Lambda's, and so the engine's
NAME = r"[\.\-_/#A-Za-z0-9]+"
STREAM = r"[^:*]*"
IDENTIFIER = r"[\w#+=/:,.@-]*"

Answer = dict[str, Any]


class Members(Constraints):
    """The members of a request; what is wrong with them is an InvalidParameterException."""

    @classmethod
    def decode(cls, body: bytes) -> Members:
        """Raises SerializationException for what is no JSON object."""
        return cls(decoded(body))

    def check(self) -> None:
        """Raises InvalidParameterException with everything that was found wrong."""
        try:
            super().check()
        except AwsError as error:
            raise invalid(error.message) from None

    def needed(self, name: str, pattern: str, high: int = 512) -> str:
        """A text that has to be there; everything read before is checked with it."""
        value = self.text(name, required=True, pattern=pattern, low=1, high=high)
        self.check()
        return value or ""

    def loose(self, *names: str) -> list[str]:
        """The texts under these names, whatever else is wrong with the request."""
        found: list[str] = []
        for name in names:
            value = self._value.get(name)
            found += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        return found

    def token(self) -> str | None:
        """What `next_token` made, None where none is given."""
        value = self.text("nextToken", low=1)
        if value is None:
            return None
        try:
            return base64.urlsafe_b64decode(value.encode("ascii", "replace")).decode()
        except (binascii.Error, ValueError):
            raise bad_token() from None


Operation = Callable[[Members], Awaitable[Answer]]


class LogsDoor:
    """The engine's groups: those of its functions, and those that have lines or settings."""

    def __init__(self, door: Door) -> None:
        self.door = door

    @property
    def logs(self) -> LogStore:
        return self.door.engine.store.logs

    async def fresh(self) -> LogStore:
        """The store, with every line in it that was written before; while the disk refuses, with those that it took."""
        await self.door.written()
        return self.logs

    async def groups(self) -> dict[str, LogGroup]:
        """By name, in its order. A function's group is there before its first line."""
        found = await self.logs.groups()
        for function in self.door.engine.functions():
            name = log_group(function.config)
            if name not in found:
                found[name] = LogGroup(name=name, created_us=self.door.engine.started_us)
        return dict(sorted(found.items()))

    def arn(self, group: str) -> str:
        return f"arn:aws:logs:{self.door.region}:{self.door.account}:log-group:{group}"

    async def group_of(self, members: Members) -> str:
        """The name of the group that a request means, which has to be there."""
        name = members.text("logGroupName", pattern=NAME, low=1, high=512)
        identifier = members.text("logGroupIdentifier", pattern=IDENTIFIER, low=1, high=2048)
        members.check()
        if name is not None and identifier is not None:
            raise invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
        if name is None and identifier is None:
            raise invalid("Either logGroupName or logGroupIdentifier must be specified.")
        found = name or named(identifier or "")
        if found not in await self.groups():
            raise no_group()
        return found


def named(identifier: str) -> str:
    """The group's name in an ARN, or the name that it is itself."""
    _, mark, rest = identifier.partition(":log-group:")
    return rest.partition(":")[0] if mark else identifier


def next_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def invalid(sentence: str) -> AwsError:
    return AwsError("InvalidParameterException", sentence)


def bad_token() -> AwsError:
    return invalid("The specified nextToken is invalid.")


def no_group() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
