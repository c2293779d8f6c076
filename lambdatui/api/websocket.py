"""The feed's protocol, imported by the first WebSocket: an engine without a screen does without it."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lambdatui.api.limits import PatientProtocol


class CappedWebSocketProtocol(PatientProtocol, WebSocketsSansIOProtocol):
    """A WebSocket whose client must go on reading: closing politely would wait for it for ever."""
