"""CloudWatch Logs for the functions' log groups (AWS JSON 1.1); others are left to the server behind --aws."""

from __future__ import annotations

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.logs_door import FUNCTIONS, Answer, LogsDoor, Members, Operation, named
from lambdatui.api.aws.logs_events import Events
from lambdatui.api.aws.logs_groups import Groups

_NAMES = ("logGroupName", "logGroupIdentifier", "resourceArn", "logGroupNames", "logGroupIdentifiers")


class Logs:
    """Every operation takes the request's members."""

    max_request = 2 * 1024 * 1024  # PutLogEvents, on its way to another server, is the largest: 1 MB of events

    def __init__(self, door: Door) -> None:
        self._ground = LogsDoor(door)
        self.operations: dict[str, Operation] = {
            **Groups(self._ground).operations,
            **Events(self._ground).operations,
        }

    async def owns(self, operation: str, body: bytes) -> bool:
        """Whether a request is for the engine's groups, or nobody else is there to answer it."""
        if self._ground.door.settings.aws == "none":
            return True
        try:
            members = Members.decode(body)
        except AwsError:
            return True
        groups = await self._ground.groups()
        if operation == "DescribeLogGroups" and not members.has("logGroupIdentifiers"):
            prefixes, parts = members.loose("logGroupNamePrefix"), members.loose("logGroupNamePattern")
            return not (prefixes or parts) or any(
                all(map(name.startswith, prefixes)) and all(part in name for part in parts) for name in groups
            )
        names = [named(name) for name in members.loose(*_NAMES)]
        if not names:
            return operation in self.operations
        return any(name in groups or name.startswith(FUNCTIONS) for name in names)

    async def call(self, operation: str, body: bytes) -> Answer:
        """Raises AwsError."""
        handler = self.operations.get(operation)
        if handler is None:
            served = ", ".join(sorted(self.operations))
            raise AwsError(
                "NotServed", f"lambdatui does not serve {operation} on a function's log group. It serves {served}."
            )
        return await handler(Members.decode(body))
