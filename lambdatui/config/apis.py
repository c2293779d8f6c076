"""What every reader of APIs shares: routes, authorizers, and the forms in which API Gateway names things.

Knows no resource types: those are sam_apis', cfn_rest_apis', cfn_http_apis' and openapi's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import qualifier_of
from lambdatui.config.intrinsics import Unresolved, plain
from lambdatui.config.model import ApiConfig, AuthorizerConfig, CorsConfig, RouteConfig
from lambdatui.config.support import Table
from lambdatui.config.template import Template
from lambdatui.config.values import Reader

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
IAM = "AWS_IAM"  # the authorizer that every API has without declaring it
NO_AUTHORIZER = "NONE"
_ANY = {"*", "ANY", "X-AMAZON-APIGATEWAY-ANY-METHOD"}
_HEADER = "method.response.header."
_INVOKED = re.compile(r"/functions/(.+?)/(?:invocations|response-streaming-invocations)\s*$")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_UNASKED = {"jwt": "JWT", "cognito": "Cognito user pool", "iam": "IAM authorization"}
_NOTHING = "Nothing, for local runs: Lambda authorizers are the ones that are asked."


def normal_method(method: str | None) -> str:
    """Upper case; `any`, `*` and none are ANY."""
    upper = (method or "ANY").strip().upper()
    return "ANY" if upper in _ANY else upper


def normal_path(path: str) -> str:
    """With one slash before it; `$default` as it is."""
    path = path.strip()
    return path if path == "$default" else "/" + path.lstrip("/")


def unquoted(text: str) -> str:
    """A static value of a REST API without the single quotes that it carries: `'*'` -> `*`."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == "'" else text


def listed(text: str) -> tuple[str, ...]:
    """The words of `'GET,POST'`."""
    return tuple(word.strip() for word in unquoted(text).split(",") if word.strip())


def media_types(values: Iterable[str]) -> tuple[str, ...]:
    """BinaryMediaTypes, in which `~1` stands for the slash (a JSON pointer's escape)."""
    return tuple(value.strip().replace("~1", "/") for value in values)


def identity_source(text: str) -> str:
    """`method.request.header.X` (REST) and `$request.header.X` (HTTP) as `header.X`; context and variables too."""
    source = text.strip().removeprefix("$").removeprefix("method.").removeprefix("request.")
    head, _, rest = source.partition(".")
    return f"{head.lower() if head.lower() in {'header', 'querystring'} else head}.{rest}" if rest else source


def invoked_function(uri: str, variables: dict[str, str]) -> str | None:
    """The function that an integration's or authorizer's URI invokes, as a name or ARN; None where it is another's.

    Both forms: `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations` and the function's own ARN.
    """
    uri = _STAGE_VARIABLE.sub(lambda match: variables.get(match[1], match[0]), uri)
    found = _INVOKED.search(uri)
    if found:
        return found[1]
    return uri if ":function:" in uri else None


def cors_of_headers(headers: dict[str, str]) -> CorsConfig | None:
    """What a preflight's response headers allow; None where they name no origin. Values may carry single quotes."""
    given = {name.lower(): unquoted(value) for name, value in headers.items()}
    origin = given.get("access-control-allow-origin")
    if not origin:
        return None
    age = given.get("access-control-max-age", "")
    return CorsConfig(
        allow_origins=listed(origin),
        allow_methods=listed(given.get("access-control-allow-methods", "")),
        allow_headers=listed(given.get("access-control-allow-headers", "")),
        expose_headers=listed(given.get("access-control-expose-headers", "")),
        max_age=int(age) if age.isdecimal() else None,
        allow_credentials=given.get("access-control-allow-credentials", "").lower() == "true",
    )


def cors_of_response(parameters: Reader) -> CorsConfig | None:
    """What the parameters of a MOCK's response (`method.response.header.…`) allow."""
    named = [name for name in parameters.values if name.startswith(_HEADER)]
    return cors_of_headers({name.removeprefix(_HEADER): parameters.text(name) or "" for name in named})


def same_cors(found: list[CorsConfig]) -> CorsConfig | None:
    """One for the API out of those of its paths; methods that differ are left to the routes of each path."""
    if not found:
        return None
    first = found[0]
    return msgspec.structs.replace(
        first,
        allow_origins=tuple(dict.fromkeys(origin for cors in found for origin in cors.allow_origins)),
        allow_headers=tuple(dict.fromkeys(header for cors in found for header in cors.allow_headers)),
        allow_methods=first.allow_methods if len({frozenset(cors.allow_methods) for cors in found}) == 1 else (),
        allow_credentials=any(cors.allow_credentials for cors in found),
    )


def cors_of_lists(reader: Reader, *, camel: bool = False) -> CorsConfig:
    """AllowOrigins, AllowMethods, … as HTTP APIs and function URLs write them; `camel`: as OpenAPI spells them."""

    def key(name: str) -> str:
        return name[0].lower() + name[1:] if camel else name

    return CorsConfig(
        allow_origins=tuple(reader.texts(key("AllowOrigins"))),
        allow_methods=tuple(method.upper() for method in reader.texts(key("AllowMethods"))),
        allow_headers=tuple(reader.texts(key("AllowHeaders"))),
        expose_headers=tuple(reader.texts(key("ExposeHeaders"))),
        max_age=reader.integer(key("MaxAge"), 0, 86_400),
        allow_credentials=reader.flag(key("AllowCredentials")) or False,
    )


def kept(reader: Reader, table: Table) -> dict[str, object]:
    """The properties that the table does not serve, as plain JSON values; what cannot be resolved is null."""
    left = (key for key in reader.values if key not in table or table[key].status != "served")
    return {key: None if isinstance(value := reader.resolved(key), Unresolved) else plain(value) for key in left}


def texts_of(reader: Reader, key: str) -> dict[str, str]:
    """A mapping of texts (stage variables)."""
    inner = reader.child(key)
    found = {name: inner.text(name) for name in inner.values}
    return {name: value for name, value in found.items() if value is not None}


def of_type(template: Template, kind: str) -> Iterator[tuple[Resource, Reader]]:
    """The template's resources of a type, each with a reader of its properties."""
    for resource in template.resources.values():
        if resource.type == kind:
            yield resource, template.reader(resource)


def set_stage(template: Template, reader: Reader, api: str, variables: dict[str, str], staged: dict[str, str]) -> None:
    """Give an API its stage, by which one is served; `staged` holds those that have theirs."""
    stage = reader.text("StageName")
    if stage is None or api not in template.into.apis or staged.get(api) == stage:
        return
    if api in staged:
        reader.problems.notice(
            f"{reader.where}: the stage {stage} of {api} is not served beside {staged[api]}",
            f"Requests reach the same functions by {staged[api]}.",
            line=reader.line("StageName"),
        )
        return
    staged[api] = stage
    config = template.into.apis[api]
    template.into.apis[api] = msgspec.structs.replace(config, stage=stage, stage_variables=variables)


# authorizers


def add_authorizer(template: Template, api: str, authorizer: AuthorizerConfig, reader: Reader, key: str) -> None:
    """Add it to its API, saying where requests pass without it."""
    if authorizer.kind in _UNASKED:
        what = f"the authorizer {authorizer.name} ({_UNASKED[authorizer.kind]}) of {api}"
        reader.warn(key, f"{what} cannot be asked here: requests pass without it", _NOTHING)
    elif authorizer.function is None:
        reader.warn(
            key,
            f"the function of the authorizer {authorizer.name} of {api} is not in this project: "
            "requests pass without it",
            "Declare the function in this template to have it asked.",
        )
    config = template.into.apis[api]
    others = tuple(known for known in config.authorizers if known.name != authorizer.name)
    template.into.apis[api] = msgspec.structs.replace(config, authorizers=(*others, authorizer))


def function_name(template: Template, reference: str | None) -> str | None:
    """The name of a function of the project."""
    function = template.into.function_named(reference) if reference else None
    return function.name if function else None


def asked_authorizer(template: Template, api: str, wanted: str | None, reader: Reader, key: str) -> str | None:
    """The name of the authorizer that a route of `api` asks for; None for none, or one that does not exist."""
    if wanted is None or wanted == NO_AUTHORIZER:
        return None
    config = template.into.apis.get(api)
    if config is None:
        reader.warn(key, f"the authorizer {wanted} is not in this project: requests pass without it", _NOTHING)
        return None
    names = [authorizer.name for authorizer in config.authorizers]
    if wanted not in names and wanted == IAM:
        add_authorizer(template, api, AuthorizerConfig(name=IAM, kind="iam"), reader, key)
    elif wanted not in names:
        remedy = f"Name one of {', '.join(names)}." if names else f"Declare it in the Auth of {api}."
        reader.warn(key, f"{api} has no authorizer {wanted}: requests pass without it", remedy)
        return None
    return wanted


def needs_api_key(template: Template, api: str, reader: Reader, key: str) -> None:
    """Say once per API that API keys are not asked for."""
    said = f"{api} asks for API keys"
    if not any(said in problem.message for problem in template.problems.found):
        reader.warn(key, f"{said}, which are not checked: requests pass without one", "Nothing, for local runs.")


# routes


def add_route(template: Template, route: RouteConfig) -> None:
    """Add it; one that its API already has with the same function (a definition's, and its event) is the same one."""
    into = template.into
    places = into.route_places.setdefault((route.api, route.kind, route.method, route.path, route.function), [])
    if route.kind != "alb" and any(not into.routes[place].refused for place in places):
        return
    places.append(len(into.routes))
    into.routes.append(route)


class Integration(NamedTuple):
    """What stands behind a route: a function, or why none does (`function` is then the one it names, if any)."""

    function: str
    refused: str | None = None
    qualifier: str | None = None


def integration(
    template: Template, kind: Literal["rest", "http"], type_: str, uri: str | None, api: str
) -> Integration:
    """The integration of that type with that URI. Only proxy integrations with a function of the project are served."""
    config = template.into.apis.get(api)
    reference = invoked_function(uri, config.stage_variables if config else {}) if uri else None
    function = function_name(template, reference) or ""
    type_ = type_.strip().upper() or "none"
    if type_ != "AWS_PROXY" and kind == "rest":
        return Integration(function, f"REST method with a non-proxy integration ({type_}): not served; use AWS_PROXY")
    if type_ != "AWS_PROXY":
        return Integration("", f"HTTP API route with an integration of type {type_}: not served; use AWS_PROXY")
    if function and reference:
        return Integration(function, qualifier=qualifier_of(reference))
    if reference:
        return Integration("", f"its function {reference.rpartition(':function:')[2]} is not in this project")
    return Integration("", "its integration names no function of this project")


def add_integrated_route(template: Template, route: RouteConfig, reader: Reader, key: str) -> None:
    """Add it, with a warning where it is refused."""
    if route.refused:
        remedy = "Requests to it are answered with an error that says so."
        if route.function:
            remedy = f"Invoke the function directly: lambdatui invoke {route.function} -e FILE."
        reader.warn(key, f"{route.method} {route.path}: {route.refused}", remedy)
    add_route(template, route)


def add_api(template: Template, api: ApiConfig) -> None:
    """Add it under its id."""
    template.into.apis[api.id] = api
