"""Qualifiers of what invokes functions: what names an alias that is not there reaches $LATEST, and is told."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from lambdatui.config.declared import Declared
from lambdatui.config.destinations import to_arn
from lambdatui.config.model import (
    Destination,
    FunctionConfig,
    Project,
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
    for trigger in (*declared.mappings, *declared.schedules, *declared.routes, *declared.pushes):
        function = declared.functions.get(trigger.function or "")
        if function is not None and _is_unknown(function, trigger.qualifier):
            _say_unknown(declared, function, trigger.qualifier or "")


def reachable(project: Project, aliases: Collection[str]) -> Project:
    """The project with triggers that reach $LATEST where the alias that they name is not there.

    `aliases`: those that the API has made beside the declared ones, as NAME:ALIAS.
    """
    functions = {function.name: function for function in project.functions}

    def there(trigger: _Trigger) -> _Trigger:
        function = functions.get(trigger.function or "")
        if function is None or not _is_unknown(function, trigger.qualifier):
            return trigger
        made = f"{function.name}:{trigger.qualifier}" in aliases
        return trigger if made else msgspec.structs.replace(trigger, qualifier=None)

    return msgspec.structs.replace(
        project,
        mappings=tuple(there(one) for one in project.mappings),
        schedules=tuple(there(one) for one in project.schedules),
        routes=tuple(there(one) for one in project.routes),
        pushes=tuple(there(one) for one in project.pushes),
    )


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


def _is_unknown(function: FunctionConfig, qualifier: str | None) -> bool:
    """Whether it is the name of an alias that the project does not declare."""
    if qualifier is None or qualifier.isdecimal():
        return False
    return all(alias.name != qualifier for alias in function.published_aliases)


def _say_unknown(declared: Declared, function: FunctionConfig, qualifier: str) -> None:
    here = Problems(function.file)
    options = declared.options
    arn = to_arn(Destination(kind="function", name=function.name, qualifier=qualifier), options.region, options.account)
    here.warning(
        f"{function.name}: Function not found: {arn}",
        f"Declare the alias {qualifier}: AutoPublishAlias, or AWS::Lambda::Alias. Where nobody has made it by API, "
        "$LATEST is invoked.",
        line=function.line,
        function=function.name,
    )
    declared.problems.extend(here.found)
