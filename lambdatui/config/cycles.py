"""Resources that depend on each other in a circle: CloudFormation would refuse the template. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from lambdatui.config.aws_names import Resource
from lambdatui.config.intrinsics import Resolver
from lambdatui.config.yaml_lines import Map, Seq, Value

_NAMED = re.compile(r"\$\{([^!{}][^{}]*)\}")
# What SAM makes resources of their own of: they depend on the function, not the function on what they name.
_APART = {"Events", "FunctionUrlConfig", "EventInvokeConfig", "DeploymentPreference"}


def circles(resources: Mapping[str, Resource], resolver: Resolver) -> list[list[str]]:
    """The groups of logical ids that depend on each other, each in the template's order."""
    graph = {name: list(_needs(one, resources, resolver)) for name, one in resources.items()}
    order = {name: number for number, name in enumerate(resources)}
    groups = (sorted(group, key=order.__getitem__) for group in _strongly_connected(graph))
    return [group for group in groups if len(group) > 1 or group[0] in graph[group[0]]]


def _needs(resource: Resource, known: Mapping[str, Resource], resolver: Resolver) -> Iterator[str]:
    """The resources that must be there before this one."""
    depends = resource.body.get("DependsOn")
    for name in depends if isinstance(depends, Seq) else [depends]:
        if isinstance(name, str) and name in known:
            yield str(name)
    apart = _APART if resource.type == "AWS::Serverless::Function" else set()
    values: list[Value] = [value for key, value in resource.properties.items() if key not in apart]
    while values:
        value = values.pop()
        if isinstance(value, Seq):
            values.extend(value)
        elif isinstance(value, Map):
            yield from (name for name in _named(value) if name in known)
            values.extend(_inside(value, resolver))


def _inside(value: Map, resolver: Resolver) -> Iterable[Value]:
    """What is below a mapping; of an If only the branch that its condition takes."""
    branches = value.get("Fn::If")
    if len(value) == 1 and isinstance(branches, Seq) and len(branches) == 3 and isinstance(branches[0], str):
        truth = resolver.condition(branches[0])
        if isinstance(truth, bool):
            return [branches[1] if truth else branches[2]]
    return value.values()


def _named(value: Map) -> Iterator[str]:
    """The resources that a mapping names by being an intrinsic."""
    if len(value) != 1:
        return
    name, argument = next(iter(value.items()))
    if name == "Ref" and isinstance(argument, str):
        yield str(argument)
    elif name == "Fn::GetAtt":
        first = argument[0] if isinstance(argument, Seq) and argument else argument
        if isinstance(first, str):
            yield first.partition(".")[0]
    elif name == "Fn::Sub":
        own: Value = argument[1] if isinstance(argument, Seq) and len(argument) == 2 else None
        text = argument[0] if isinstance(argument, Seq) and argument else argument
        for match in _NAMED.finditer(text) if isinstance(text, str) else ():
            if not isinstance(own, Map) or match[1].strip() not in own:
                yield match[1].strip().partition(".")[0]


def _strongly_connected(graph: dict[str, list[str]]) -> list[list[str]]:
    """Tarjan's algorithm, without recursion: a template may be a long chain."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    open_: set[str] = set()
    groups: list[list[str]] = []
    for root in graph:
        work = [(root, iter(graph[root]))] if root not in index else []
        while work:
            node, needs = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                open_.add(node)
            for other in needs:
                if other not in index:
                    work.append((other, iter(graph[other])))
                    break
                if other in open_:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    groups.append(_popped(stack, node, open_))
    return groups


def _popped(stack: list[str], last: str, open_: set[str]) -> list[str]:
    group: list[str] = []
    while not group or group[-1] != last:
        group.append(stack.pop())
        open_.discard(group[-1])
    return group
