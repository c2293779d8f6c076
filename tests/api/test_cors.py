"""What pages of other sites may do."""

from __future__ import annotations

import pytest

from lambdatui.api.cors import preflight, rest_preflight, with_cors
from lambdatui.api.proxy_results import Reply
from lambdatui.config.model import CorsConfig

SHOP = CorsConfig(
    allow_origins=("https://shop.example", "http://*"),
    allow_methods=("GET", "PUT"),
    allow_headers=("content-type", "x-token"),
    expose_headers=("x-total",),
    max_age=600,
    allow_credentials=True,
)
ANYBODY = CorsConfig(allow_origins=("*",), allow_methods=("*",))


def test_a_preflight_says_what_the_rules_say() -> None:
    reply = preflight(SHOP, "https://shop.example", "PUT")
    assert (reply.status, reply.body) == (204, b"")
    assert dict(reply.headers) == {
        b"access-control-allow-origin": b"https://shop.example",
        b"vary": b"origin",
        b"access-control-allow-methods": b"GET,PUT",
        b"access-control-allow-headers": b"content-type,x-token",
        b"access-control-expose-headers": b"x-total",
        b"access-control-max-age": b"600",
        b"access-control-allow-credentials": b"true",
    }
    assert dict(preflight(ANYBODY, "null", "PATCH").headers)[b"access-control-allow-origin"] == b"*"


@pytest.mark.parametrize(
    ("origin", "method"),
    [("https://other.example", "PUT"), ("https://shop.example", "DELETE"), ("https://shop.example.evil", "GET")],
)
def test_a_preflight_that_is_not_allowed_says_nothing(origin: str, method: str) -> None:
    assert preflight(SHOP, origin, method) == Reply(204, [], b"")


def test_the_rules_stand_in_place_of_what_the_function_says() -> None:
    own = Reply(200, [(b"access-control-allow-origin", b"https://mine"), (b"x-a", b"1")], b"")
    assert with_cors(SHOP, "http://any.example", own).headers == [
        (b"x-a", b"1"),
        (b"access-control-allow-origin", b"http://any.example"),
        (b"vary", b"origin"),
        (b"access-control-expose-headers", b"x-total"),
        (b"access-control-allow-credentials", b"true"),
    ]
    assert with_cors(SHOP, "https://other.example", own).headers == [(b"x-a", b"1")]
    assert with_cors(SHOP, None, own).headers == [(b"x-a", b"1")]


def test_a_rest_preflight_is_sams_mock() -> None:
    reply = rest_preflight(CorsConfig(allow_origins=("*",), allow_headers=("X-A",)), ("GET", "OPTIONS"))
    assert (reply.status, reply.body) == (200, b"{}\n")
    assert dict(reply.headers)[b"access-control-allow-methods"] == b"GET,OPTIONS"
    named = rest_preflight(CorsConfig(allow_origins=("https://a",), allow_methods=("GET",), max_age=1), ("POST",))
    assert dict(named.headers)[b"access-control-allow-methods"] == b"GET"
    assert dict(named.headers)[b"access-control-max-age"] == b"1"


def test_no_header_can_be_ended_by_a_value() -> None:
    reply = rest_preflight(CorsConfig(allow_origins=("*\r\nx: y",), allow_headers=("a\n",)), ("GET",))
    assert not any(b"\n" in value for _, value in reply.headers)
