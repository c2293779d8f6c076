"""Lambda's operations on published versions, in the shapes of its service model.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambdatui.api.aws.call import FUNCTION, Answer, Call, Route, route
from lambdatui.api.aws.configuration import base64_sha, configuration, not_found, place, stale, unqualified
from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.paging import page
from lambdatui.api.ports import FunctionPort
from lambdatui.engine.model import LATEST
from lambdatui.engine.versions import VersionInUse
from lambdatui.errors import NotFound, StoreError


async def publish(call: Call) -> Answer:
    """What has not changed since the newest version is that version; its description stays, too."""
    function = unqualified(call.door, call.name, call.qualifier)
    body = Constraints.of_body(call.body)
    description = body.text("Description", high=256)
    sha, revision = body.text("CodeSha256"), body.text("RevisionId")
    body.choice("PublishTo", ("LATEST_PUBLISHED",))
    body.check()
    if body.has("PublishTo"):
        raise AwsError(
            "InvalidParameterValueException",
            "PublishTo is for functions on capacity providers, which lambdatui has not",
        )

    def expects(present: FunctionPort) -> None:
        if revision and revision != present.revision:
            raise stale()
        now = base64_sha(present.code_sha)
        if sha and sha != now:
            raise AwsError(
                "InvalidParameterValueException",
                f"CodeSHA256 ({sha}) is different from current CodeSHA256 in $LATEST ({now}). Please try again with "
                "the CodeSHA256 in $LATEST.",
            )

    try:
        version = await call.door.engine.publish(function.config.name, description=description, expects=expects)
    except (StoreError, OSError) as error:
        raise AwsError("ResourceConflictException", f"The function cannot be published now: {error}") from None
    return Answer(msgspec.json.encode(configuration(call.door, version, version.version)), 201)


def list_versions(call: Call) -> Answer:
    """$LATEST, then the versions from the oldest on; a qualifier in the name changes nothing."""
    function = unqualified(call.door, call.name, None)
    found: list[FunctionPort] = [function, *call.door.engine.versions.of(function)]
    some, marker = page(found, call.query, key=place)
    body: dict[str, Any] = {"Versions": [configuration(call.door, one, one.version) for one in some]}
    if marker is not None:
        body["NextMarker"] = marker
    return Answer(msgspec.json.encode(body))


async def delete(call: Call) -> Answer:
    """A version that is not there is gone: 204, as AWS answers. The function itself belongs to the project's files."""
    qualifier = call.qualifier
    if qualifier is None:
        function = unqualified(call.door, call.name, None)
        raise AwsError(
            "ResourceConflictException",
            f"{function.config.name} is declared in {function.config.file or 'the project'}: remove it there; "
            "lambdatui changes no file of the project",
        )
    if qualifier.startswith("$"):
        raise AwsError(
            "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."
        )
    if not qualifier.isdecimal():
        raise AwsError("InvalidParameterValueException", "Deletion of aliases is not currently supported.")
    function = unqualified(call.door, call.name, None)
    try:
        await call.door.engine.delete_version(function.config.name, qualifier)
    except VersionInUse as error:
        raise AwsError(
            "ResourceConflictException",
            f"Unable to delete version because the following aliases reference it: [{', '.join(error.aliases)}]",
        ) from None
    except NotFound:
        pass
    return Answer(b"", 204)


def needed(call: Call, function: FunctionPort, version: str) -> str:
    """A version's number or $LATEST that is there; AWS's 404 with its ARN."""
    numbers = {LATEST, *(one.version for one in call.door.engine.versions.of(function))}
    if version not in numbers:
        raise not_found(f"{function.arn}:{version}")
    return version


ROUTES: list[Route] = [
    route("POST", f"/2015-03-31{FUNCTION}/versions", "PublishVersion", publish),
    route("GET", f"/2015-03-31{FUNCTION}/versions", "ListVersionsByFunction", list_versions),
    route("DELETE", f"/2015-03-31{FUNCTION}", "DeleteFunction", delete),
]
