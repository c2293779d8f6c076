"""One call of an AWS operation as its handler sees it, and the services' common ground."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec

from lambdatui.api.aws.errors import AwsError
from lambdatui.api.ports import ApiSettings, EnginePort, SourcesPort


class Door(msgspec.Struct, frozen=True):
    """What every operation works with."""

    engine: EnginePort
    sources: SourcesPort
    settings: ApiSettings

    @property
    def region(self) -> str:
        return self.settings.region

    @property
    def account(self) -> str:
        return self.settings.account


class Answer(msgspec.Struct, frozen=True):
    """A good answer of a REST-JSON operation."""

    body: bytes
    status: int = 200


def query_of(query_string: bytes) -> dict[str, str]:
    """The query's values by name; the last of a repeated one."""
    if not query_string:
        return {}
    try:
        return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise AwsError("InvalidParameterValueException", "The query has more than 100 parameters") from None
