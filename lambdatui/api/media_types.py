"""Which media types are text, and which an API treats as binary. Pure."""

from __future__ import annotations

_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
_TEXT_SUFFIXES = ("+json", "+xml")


def is_text(content_type: str) -> bool:
    """What HTTP APIs, function URLs and load balancers hand to functions as text."""
    kind = _bare(content_type)
    return kind.startswith(_TEXT_TYPES) or kind.endswith(_TEXT_SUFFIXES)


def is_binary(media_type: str, binary_types: tuple[str, ...]) -> bool:
    """Whether a REST API's binary media types (`image/png`, `image/*`, `*/*`) hold it."""
    kind = _bare(media_type)
    group = kind.partition("/")[0] + "/*"
    return any(_bare(one) in (kind, group, "*/*") for one in binary_types)


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def first_accepted(accept: str | None) -> str:
    """The first media type of an Accept header: API Gateway looks at no other."""
    return (accept or "").partition(",")[0] or "application/json"
