"""The two ASGI apps of the door: `url` (AWS, control, feed, metrics) and `http_url` (HTTP triggers)."""

from __future__ import annotations

from lambdatui.api.asgi import App
from lambdatui.api.ports import ApiSettings, EnginePort, SourcesPort

__all__ = ["ApiSettings", "build_front_app", "build_lambda_app"]


def build_lambda_app(engine: EnginePort, sources: SourcesPort, settings: ApiSettings) -> App:
    """The app behind `url`: every AWS service, and our own paths for unsigned requests."""
    raise NotImplementedError


def build_front_app(engine: EnginePort, sources: SourcesPort, settings: ApiSettings) -> App:
    """The app behind `http_url`: the project's HTTP routes."""
    raise NotImplementedError
