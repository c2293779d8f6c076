"""Lambda authorizers: whom a request says it is from, what the function is asked, what its answer means. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from lambdatui.api.claims import claims_of
from lambdatui.api.proxy_events import Event, Request, arn, version_1, version_2
from lambdatui.api.proxy_results import Kind, Reply, json_reply
from lambdatui.api.routes import Match
from lambdatui.config.backtracking import is_endless
from lambdatui.config.model import AuthorizerConfig

_ACTION = "execute-api:invoke"

UNAUTHORIZED = json_reply(401, '{"message":"Unauthorized"}', "UnauthorizedException")
_DENIED = "User is not authorized to access this resource"
IMPLICIT_DENY = json_reply(403, f'{{"Message":"{_DENIED}"}}', "AccessDeniedException")
EXPLICIT_DENY = json_reply(403, f'{{"Message":"{_DENIED} with an explicit deny"}}', "AccessDeniedException")
FORBIDDEN = json_reply(403, '{"message":"Forbidden"}')
FAILED: dict[Kind, Reply] = {
    "rest": json_reply(500, '{"message":null}', "AuthorizerConfigurationException"),
    "http": json_reply(500, '{"message":"Internal Server Error"}'),
}


class AuthorizerError(Exception):
    """The authorizer's answer cannot be used; the text says what is wrong with it."""


class Verdict(NamedTuple):
    """A function's answer, read. `policy`: statements that are compared with each request; None: `allowed` stands.

    `context` is what the route's function gets of it.
    """

    allowed: bool
    policy: list[Any] | None
    context: Event
    usage_key: str | None = None


def is_version_2(authorizer: AuthorizerConfig, kind: Kind) -> bool:
    """Whether event and context have the forms of payload 2.0, which HTTP APIs alone know."""
    return kind == "http" and authorizer.payload == "2.0"


def identity(authorizer: AuthorizerConfig, request: Request, match: Match) -> list[str] | None:
    """The values of the identity sources, in their order; None where one is missing or does not have the form."""
    values = []
    query: dict[str, str] | None = None
    for source in authorizer.identity:
        where, _, name = source.partition(".")
        if where == "querystring" and query is None:
            query = dict(parse_qsl(request.query, keep_blank_values=True))
        if where == "header":
            value = request.header(name.lower())
        elif where == "querystring":
            value = (query or {}).get(name)
        elif where == "stageVariables":
            value = match.api.config.stage_variables.get(name)
        else:
            value = _context_value(request, match, name)
        if not value:
            return None
        values.append(value)
    pattern = authorizer.validation
    if pattern and values and not _has_form(pattern, values[0]):
        return None
    return values


def _has_form(pattern: str, value: str) -> bool:
    if is_endless(pattern, len(value)):  # a caller could hold everybody up
        return True
    try:
        return re.fullmatch(pattern, value) is not None
    except (re.error, OverflowError, RecursionError):  # the template's own; API Gateway refuses it at deployment
        return True


def _context_value(request: Request, match: Match, name: str) -> str | None:
    """`context.httpMethod`, `context.identity.sourceIp`, …"""
    is_2 = match.route.kind == "http"
    found: Any = (version_2 if is_2 else version_1)(request, match)["requestContext"]
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return None if found is None else str(found)


def question(authorizer: AuthorizerConfig, request: Request, match: Match, values: list[str]) -> Event:
    """The event for the authorizer's function."""
    resource = arn(request, match)
    if authorizer.kind == "token":
        return {"type": "TOKEN", "methodArn": resource, "authorizationToken": values[0] if values else ""}
    if is_version_2(authorizer, match.route.kind):
        made = version_2(request, match)
        return {"version": "2.0", "type": "REQUEST", "routeArn": resource, "identitySource": values or None} | made
    made = version_1(request, match)
    if match.route.kind == "http":
        joined = ",".join(values)
        made |= {"version": "1.0", "identitySource": joined, "authorizationToken": joined}
    return {"type": "REQUEST", "methodArn": resource} | made


class _Error(msgspec.Struct):
    errorMessage: str = ""  # noqa: N815 (AWS's key)


def says_unauthorized(payload: bytes) -> bool:
    """Whether a failed function said `raise Exception("Unauthorized")`, which is REST's way to answer 401."""
    try:
        return msgspec.json.decode(payload, type=_Error).errorMessage == "Unauthorized"
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False


def verdict(authorizer: AuthorizerConfig, kind: Kind, payload: bytes) -> Verdict:
    """Read a function's answer. Raises AuthorizerError."""
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise AuthorizerError("its result is no JSON that can be read") from None
    if not isinstance(value, dict):
        raise AuthorizerError("its result is no object")
    given = value.get("context")
    if given is not None and not isinstance(given, dict):
        raise AuthorizerError("its context is no object")
    if is_version_2(authorizer, kind) and authorizer.simple_responses:
        if not isinstance(value.get("isAuthorized"), bool):
            raise AuthorizerError('its result has no isAuthorized: simple responses are {"isAuthorized": true}')
        return Verdict(value["isAuthorized"], None, {"lambda": given})
    principal = value.get("principalId")
    if not isinstance(principal, str) or not principal:
        raise AuthorizerError("its result has no principalId")
    statements = _statements(value.get("policyDocument"))
    if is_version_2(authorizer, kind):
        return Verdict(False, statements, {"lambda": given})
    usage_key = value.get("usageIdentifierKey")
    context = {"principalId": principal} | {name: _text(name, one) for name, one in (given or {}).items()}
    return Verdict(False, statements, context, usage_key if isinstance(usage_key, str) else None)


def _text(name: str, value: Any) -> str | None:
    """API Gateway hands numbers and booleans on as text and takes nothing deeper."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise AuthorizerError(f"its context.{name} is no text, number or boolean: deeper values are not passed on")


def _statements(document: Any) -> list[Any]:
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise AuthorizerError("its result has no policyDocument with a Statement")
    for one in statements:
        if not isinstance(one, dict) or one.get("Effect") not in ("Allow", "Deny"):
            raise AuthorizerError('each Statement needs the Effect "Allow" or "Deny"')
        if not _texts(one.get("Action")) or not _texts(one.get("Resource")):
            raise AuthorizerError("each Statement needs Action and Resource, texts or lists of texts")
    return statements


def decide(kind: Kind, answer: Verdict, resource: str) -> Reply | None:
    """None where the request may pass, else the refusal. An explicit deny wins."""
    if answer.policy is None:
        return None if answer.allowed else FORBIDDEN
    effects = {one["Effect"] for one in answer.policy if _concerns(one, resource)}
    if effects == {"Allow"}:
        return None
    if kind != "rest":
        return FORBIDDEN
    return EXPLICIT_DENY if "Deny" in effects else IMPLICIT_DENY


def _concerns(statement: dict[str, Any], resource: str) -> bool:
    actions = any(_like(action.lower(), _ACTION) for action in _texts(statement["Action"]))
    return actions and any(_like(pattern, resource) for pattern in _texts(statement["Resource"]))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else []


def _like(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` any text, `?` one character. Never exponential: a policy must not hold the engine up."""
    at = place = 0
    star = -1  # the last star in the pattern, and the place from which it is tried
    tried = 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, tried = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            tried += 1
            at, place = star + 1, tried
        else:
            return False
    return not pattern[at:].strip("*")


def unasked(authorizer: AuthorizerConfig, kind: Kind, request: Request) -> Event | None:
    """What a function sees of an authorizer that is not asked here: the claims of the token that came, unverified."""
    claims = claims_of(request.header("authorization")) if authorizer.kind in ("jwt", "cognito") else None
    if claims is None:
        return None
    return {"jwt": {"claims": claims, "scopes": None}} if kind == "http" else {"claims": claims}
