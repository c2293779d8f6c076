"""AWS::ElasticLoadBalancingV2::*: rules of load balancers that forward to functions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from lambdatui.config.apis import add_api, add_route, function_name, of_type
from lambdatui.config.declared import qualifier_of
from lambdatui.config.model import ApiConfig, RouteConfig
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map

DEFAULT_PRIORITY = 50_001  # of a listener's default action: after every rule (theirs end at 50,000)
_PREFIX = "AWS::ElasticLoadBalancingV2::"
_MULTI_VALUE = "lambda.multi_value_headers.enabled"
_NOT_SERVED = "Requests that it would take get the answer for an unknown path."


def declare_load_balancers(template: Template) -> None:
    """Add a route for each path and method of a rule, and for each listener's default action."""
    for resource, reader in of_type(template, _PREFIX + "Listener"):
        api = _balancer(template, resource.logical_id, reader)
        _forward(template, api, resource.logical_id, reader, "DefaultActions", _Conditions(), DEFAULT_PRIORITY)
    for resource, reader in of_type(template, _PREFIX + "ListenerRule"):
        listener = template.resources.get(reader.text("ListenerArn") or "")
        inner = template.reader(listener) if listener else reader.inside(Map())
        api = _balancer(template, listener.logical_id if listener else resource.logical_id, inner)
        priority = reader.integer("Priority", 1, 50_000) or DEFAULT_PRIORITY - 1
        _forward(template, api, resource.logical_id, reader, "Actions", _conditions(reader), priority)


def _balancer(template: Template, logical_id: str, listener: Reader) -> str:
    """The API of a listener: its load balancer, which all of its listeners share; else itself."""
    named = template.resources.get(listener.text("LoadBalancerArn") or "")
    api = named.logical_id if named else logical_id
    if api not in template.into.apis:
        line = named.line if named else listener.values.line
        add_api(template, ApiConfig(id=api, kind="alb", name=api, file=template.problems.file, line=line))
    return api


@dataclass
class _Conditions:
    """What has to hold, each of them; of the values of one, any."""

    paths: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    hosts: tuple[str, ...] = ()
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()


def _conditions(reader: Reader) -> _Conditions:
    found = _Conditions()
    for item in reader.items("Conditions"):
        if not isinstance(item, Map):
            continue
        inner = reader.inside(item)
        kind = inner.text("Field")
        if kind == "path-pattern":
            found.paths += _values(inner, "PathPatternConfig")
        elif kind == "http-request-method":
            found.methods += [value.upper() for value in _values(inner, "HttpRequestMethodConfig")]
        elif kind == "host-header":
            found.hosts += tuple(value.lower() for value in _values(inner, "HostHeaderConfig"))
        elif kind == "http-header":
            name = inner.child("HttpHeaderConfig").text("HttpHeaderName")
            if name:
                found.headers[name] = tuple(_values(inner, "HttpHeaderConfig"))
        elif kind == "query-string":
            if found.query:
                inner.warn("Field", "two query-string conditions are served as one: either may hold", "Nothing.")
            found.query += _pairs(inner.child("QueryStringConfig"))
        else:
            inner.warn("Field", f"the condition {kind or '(none)'} is not served: it always holds", "Nothing.")
    return found


def _values(reader: Reader, key: str) -> list[str]:
    return reader.child(key).texts("Values") if key in reader else reader.texts("Values")


def _pairs(reader: Reader) -> tuple[tuple[str, str], ...]:
    """(key, value) of each; without a key, any parameter may have the value."""
    inner = [reader.inside(item) for item in reader.items("Values") if isinstance(item, Map)]
    return tuple((pair.text("Key") or "*", pair.text("Value") or "") for pair in inner)


def _forward(
    template: Template, api: str, logical_id: str, reader: Reader, key: str, conditions: _Conditions, priority: int
) -> None:
    action = _last_action(reader, key)
    if action is None:
        return
    kind = action.text("Type") or ""
    if kind != "forward":
        reader.problems.notice(
            f"{reader.where}: an action of type {kind} is not served", _NOT_SERVED, line=reader.line(key)
        )
        return
    function, qualifier, multi_value = _target(template, action)
    refused = None if function else "its target group holds no function of this project"
    if refused:
        reader.warn(key, f"{refused}: the rule is refused", "Requests to it are answered with an error that says so.")
    variants = itertools.product(conditions.paths or ["*"], conditions.methods or ["ANY"])
    for number, (path, method) in enumerate(variants):
        add_route(
            template,
            RouteConfig(
                id=f"{logical_id}{number or ''}",
                function=function,
                kind="alb",
                method=method,
                path=path,
                api=api,
                refused=refused,
                hosts=conditions.hosts,
                headers=conditions.headers,
                query=conditions.query,
                priority=priority,
                multi_value=multi_value,
                line=reader.values.line,
                qualifier=qualifier,
            ),
        )


def _last_action(reader: Reader, key: str) -> Reader | None:
    """The one that answers; those before it authenticate, which is said."""
    actions = [reader.inside(item) for item in reader.items(key) if isinstance(item, Map)]
    actions.sort(key=lambda action: action.integer("Order", 1, 50_000) or 0)
    if any((action.text("Type") or "").startswith("authenticate") for action in actions[:-1]):
        reader.warn(key, "nobody is asked to log in: requests pass without it", "Nothing, for local runs.")
    return actions[-1] if actions else None


def _target(template: Template, action: Reader) -> tuple[str, str | None, bool]:
    """(function, qualifier, multi-value headers) of the first target group that holds a function of the project."""
    groups = [action.text("TargetGroupArn")]
    inner = action.child("ForwardConfig")
    groups += [
        inner.inside(item).text("TargetGroupArn") for item in inner.items("TargetGroups") if isinstance(item, Map)
    ]
    for named in groups:
        group = template.resources.get(named or "")
        if group is None:
            continue
        reader = template.reader(group)
        for item in reader.items("Targets"):
            target = reader.inside(item).text("Id") if isinstance(item, Map) else None
            function = function_name(template, target)
            if function is not None and target is not None:
                return function, qualifier_of(target), _multi_value(reader)
    return "", None, False


def _multi_value(group: Reader) -> bool:
    attributes = [group.inside(item) for item in group.items("TargetGroupAttributes") if isinstance(item, Map)]
    return any(pair.text("Key") == _MULTI_VALUE and pair.text("Value") == "true" for pair in attributes)
