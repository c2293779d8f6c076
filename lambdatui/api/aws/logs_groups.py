"""CloudWatch Logs' operations on groups: listing, retention, tags, deletion."""

from __future__ import annotations

import bisect
from typing import Any

from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.logs_door import (
    IDENTIFIER,
    NAME,
    STREAM,
    Answer,
    LogsDoor,
    Members,
    Operation,
    invalid,
    named,
    next_token,
    no_group,
    no_stream,
)
from lambdatui.store.logs import LogGroup

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
MAX_TAGS = 50


class Groups:
    def __init__(self, ground: LogsDoor) -> None:
        self._ground = ground
        self.operations: dict[str, Operation] = {
            "DescribeLogGroups": self._describe,
            "CreateLogGroup": self._create,
            "DeleteLogGroup": self._delete,
            "DeleteLogStream": self._delete_stream,
            "PutRetentionPolicy": self._put_retention,
            "DeleteRetentionPolicy": self._delete_retention,
            "ListTagsForResource": self._tags,
            "ListTagsLogGroup": self._tags,
            "TagResource": self._tag,
            "TagLogGroup": self._tag,
            "UntagResource": self._untag,
            "UntagLogGroup": self._untag,
        }

    async def _describe(self, members: Members) -> Answer:
        prefix = members.text("logGroupNamePrefix", pattern=NAME, low=1, high=512)
        pattern = members.text("logGroupNamePattern", pattern=r"[\.\-_/#A-Za-z0-9]*", high=512)
        limit = members.number("limit", 1, 50) or 50
        identifiers = members.texts("logGroupIdentifiers", low=1, high=50)
        token = members.token()
        members.check()
        if prefix and pattern:
            raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        groups = await self._ground.groups()
        wanted = None if identifiers is None else set(map(named, identifiers))
        names = [
            name
            for name in groups
            if name.startswith(prefix or "") and (pattern or "") in name and (wanted is None or name in wanted)
        ]
        begin = 0 if token is None else bisect.bisect_right(names, token)
        page = names[begin : begin + limit]
        answer: Answer = {"logGroups": [self._row(groups[name]) for name in page]}
        if begin + limit < len(names):
            answer["nextToken"] = next_token(page[-1])
        return answer

    def _row(self, group: LogGroup) -> dict[str, Any]:
        arn = self._ground.arn(group.name)
        row = {
            "logGroupName": group.name,
            "creationTime": group.created_us // 1000,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
            "logGroupArn": arn,
        }
        if group.retention_days is not None:
            row["retentionInDays"] = group.retention_days
        return row

    async def _create(self, members: Members) -> Answer:
        name = members.needed("logGroupName", NAME)
        tags = self._given_tags(members)
        if name in await self._ground.groups():
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
        await self._ground.logs.tag(name, tags)
        return {}

    async def _delete(self, members: Members) -> Answer:
        group = await self._ground.group_of(members)
        await (await self._ground.fresh()).delete_group(group)
        return {}

    async def _delete_stream(self, members: Members) -> Answer:
        stream = members.needed("logStreamName", STREAM)
        group = await self._ground.group_of(members)
        if not await (await self._ground.fresh()).delete_stream(group, stream):
            raise no_stream()
        return {}

    async def _put_retention(self, members: Members) -> Answer:
        days = members.number("retentionInDays", 1, DAYS[-1], required=True)
        if days is not None and days not in DAYS:
            members.fail("retentionInDays", f"Member must satisfy enum value set: {list(DAYS)}")
        members.check()
        await self._ground.logs.retain(await self._ground.group_of(members), days)
        return {}

    async def _delete_retention(self, members: Members) -> Answer:
        await self._ground.logs.retain(await self._ground.group_of(members), None)
        return {}

    # --- tags

    async def _tags(self, members: Members) -> Answer:
        return {"tags": (await self._tagged(members)).tags}

    async def _tag(self, members: Members) -> Answer:
        added = self._given_tags(members)
        group = await self._tagged(members)
        tags = {**group.tags, **added}
        if len(tags) > MAX_TAGS:
            # TagLogGroup's model has no error of its own for it.
            raise invalid(f"A resource can have no more than {MAX_TAGS} tags.")
        await self._ground.logs.tag(group.name, tags)
        return {}

    async def _untag(self, members: Members) -> Answer:
        keys = {*(members.texts("tagKeys") or ()), *(members.texts("tags") or ())}
        group = await self._tagged(members)
        await self._ground.logs.tag(group.name, {key: tag for key, tag in group.tags.items() if key not in keys})
        return {}

    def _given_tags(self, members: Members) -> dict[str, str]:
        tags = members.map("tags") or {}
        if not all(isinstance(value, str) for value in tags.values()) or len(tags) > MAX_TAGS:
            members.fail("tags", f"Member must be a map of at most {MAX_TAGS} strings")
        members.check()
        return tags

    async def _tagged(self, members: Members) -> LogGroup:
        """By name, or by the ARN that the newer operations take."""
        if members.has("logGroupName"):
            name = members.needed("logGroupName", NAME)
        else:
            name = named(members.needed("resourceArn", IDENTIFIER, 1011))
        group = (await self._ground.groups()).get(name)
        if group is None:
            raise no_group()
        return group
