"""Asks Lambda authorizers before a route's function, and remembers what they said."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import msgspec

from lambdatui.api import authorizers
from lambdatui.api.authorizers import AuthorizerError, Verdict
from lambdatui.api.aws.call import Door
from lambdatui.api.proxy_events import Event, Request, arn
from lambdatui.api.proxy_results import Kind, Reply
from lambdatui.api.routes import Match
from lambdatui.clock import MICROS, Clock
from lambdatui.config.model import AuthorizerConfig
from lambdatui.engine.model import InvokeRequest
from lambdatui.errors import NotFound

KEPT = 1000  # answers

_Key = tuple[str, str, str, tuple[str, ...]]


class Passed(NamedTuple):
    """The request may go on. `authorizer` stands in its requestContext; `usage_key` is its API key."""

    authorizer: Event | None
    usage_key: str | None = None


class Refused(NamedTuple):
    """The request ends here. `problem`: what was wrong with the authorizer itself."""

    reply: Reply
    problem: str | None = None


class Gatekeeper:
    """The authorizers of one engine and their answers, each for its `ttl` and while its function's code is the same."""

    def __init__(self, door: Door, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[int, Verdict]] = OrderedDict()

    def forget(self) -> None:
        """The configuration changed."""
        self._kept.clear()

    async def ask(self, request: Request, match: Match) -> Passed | Refused:
        """Whether the request may reach the route's function."""
        config = match.api.authorizers.get(match.route.authorizer or "")
        if config is None:
            return Passed(None)
        kind = match.route.kind
        if config.function is None:
            return Passed(authorizers.unasked(config, kind, request))
        values = authorizers.identity(config, request, match)
        if values is None:
            return Refused(authorizers.UNAUTHORIZED)
        began_us = self._clock.now_us()
        try:
            answer = await self._answer(config, config.function, request, match, values)
        except AuthorizerError as error:
            refusal = authorizers.FAILED["rest" if kind == "rest" else "http"]
            return Refused(refusal, f"the authorizer {config.name} ({config.function}): {error}")
        if isinstance(answer, Reply):
            return Refused(answer)
        denial = authorizers.decide(kind, answer, arn(request, match))
        if denial is not None:
            return Refused(denial)
        context = dict(answer.context)
        if not authorizers.is_version_2(config, kind):
            context["integrationLatency"] = (self._clock.now_us() - began_us) // 1000
        return Passed(context, answer.usage_key)

    async def _answer(
        self, config: AuthorizerConfig, name: str, request: Request, match: Match, values: list[str]
    ) -> Verdict | Reply:
        """What the function said, now or before. Raises AuthorizerError."""
        try:
            function = self._door.engine.function(name)
        except NotFound as error:
            raise AuthorizerError(str(error)) from None
        key = (match.api.id, config.name, function.code_sha, tuple(values))
        now_us = self._clock.now_us()
        known = self._kept.get(key)
        if known is not None and known[0] > now_us:
            self._kept.move_to_end(key)
            return known[1]
        kind: Kind = match.route.kind
        payload = msgspec.json.encode(authorizers.question(config, request, match, values))
        result = await self._door.engine.invoke(
            InvokeRequest(function=function.config.name, payload=payload, source="http")
        )
        if result.status == "throttled":
            raise AuthorizerError("it was throttled")
        if result.function_error is not None or result.status != "ok":
            if kind == "rest" and authorizers.says_unauthorized(result.payload):
                return authorizers.UNAUTHORIZED
            raise AuthorizerError(f"it failed with {result.error_type or 'an error'}")
        verdict = authorizers.verdict(config, kind, result.payload)
        if config.ttl > 0 and values:
            self._kept[key] = (now_us + config.ttl * MICROS, verdict)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return verdict
