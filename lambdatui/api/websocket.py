"""The feed's protocol, imported by the first WebSocket: an engine without a screen does without it."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lambdatui.api.limits import WRITE_STALL_S


class CappedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose client must go on reading: closing politely would wait for it for ever."""

    _stall: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stall is not None:
            self._stall.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(WRITE_STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
