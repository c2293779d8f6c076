"""The last look at qualifiers: what invokes an alias that the project does not declare reaches $LATEST, and is told."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from lambdatui.config.declared import Declared
from lambdatui.config.destinations import to_arn
from lambdatui.config.model import (
    Destination,
    FunctionConfig,
    PushTrigger,
    QueueMapping,
    RouteConfig,
    ScheduleConfig,
    StreamMapping,
)
from lambdatui.config.problems import Problems

_Trigger = TypeVar("_Trigger", QueueMapping | StreamMapping, ScheduleConfig, RouteConfig, PushTrigger)


def check_qualifiers(declared: Declared) -> None:
    """Aliases have to be declared; versions, which only publishing makes, are taken as they are named."""
    declared.mappings = [_checked(declared, one) for one in declared.mappings]
    declared.schedules = [_checked(declared, one) for one in declared.schedules]
    declared.routes = [_checked(declared, one) for one in declared.routes]
    declared.pushes = [_checked(declared, one) for one in declared.pushes]


def check_provisioned(declared: Declared, function: FunctionConfig) -> None:
    """Provisioned concurrency comes out of the function's reserve."""
    wanted = sum(alias.provisioned_concurrency or 0 for alias in function.published_aliases)
    if function.reserved_concurrency is not None and wanted > function.reserved_concurrency:
        here = Problems(function.file)
        here.warning(
            f"{function.name}: Requested Provisioned Concurrency should not be greater than the "
            "reservedConcurrentExecution for function",
            f"Reserve {wanted} or more, or provision {function.reserved_concurrency} at most.",
            line=function.line,
            function=function.name,
        )
        declared.problems.extend(here.found)


def _checked(declared: Declared, trigger: _Trigger) -> _Trigger:
    function = declared.functions.get(trigger.function or "")
    qualifier = trigger.qualifier
    if function is None or qualifier is None or qualifier.isdecimal():
        return trigger
    if any(alias.name == qualifier for alias in function.published_aliases):
        return trigger
    here = Problems(function.file)
    options = declared.options
    arn = to_arn(Destination(kind="function", name=function.name, qualifier=qualifier), options.region, options.account)
    here.warning(
        f"{function.name}: Function not found: {arn}",
        f"Declare the alias {qualifier}: AutoPublishAlias, or AWS::Lambda::Alias; until then $LATEST is invoked.",
        line=function.line,
        function=function.name,
    )
    declared.problems.extend(here.found)
    return msgspec.structs.replace(trigger, qualifier=None)
