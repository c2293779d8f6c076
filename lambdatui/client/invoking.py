"""The part of the client that invokes: all that a short command needs, without the rows and what decodes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from lambdatui.client.http import Reply, Transport, raise_service_error

if TYPE_CHECKING:
    from lambdatui.client.client import Client

# A call waits for the function (at most 900 s) and for its turn before it.
INVOKE_TIMEOUT = 1_900.0


class InvokeReply(NamedTuple):
    """What an Invoke call gave. `function_error` is None where the function succeeded."""

    request_id: str
    status_code: int  # 200 RequestResponse, 202 Event, 204 DryRun
    payload: bytes
    function_error: str | None = None
    executed_version: str | None = None
    log_tail: bytes = b""  # at most 4 KB, only where it was asked for


class InvokeClient:
    """Invocations on one engine. NoEngine where it does not answer, else the error that it reports."""

    def __init__(self, url: str, token: str = "", *, timeout: float = 30.0) -> None:
        self.url = (url if "//" in url else f"http://{url}").rstrip("/")
        self._token = token
        self._transport = Transport(self.url, token, timeout)

    def whole(self) -> Client:
        """The client of the same engine that reads and controls too."""
        from lambdatui.client.client import Client

        return Client(self.url, self._token)

    def invoke(
        self,
        name: str,
        payload: bytes = b"{}",
        *,
        qualifier: str | None = None,
        type: str = "RequestResponse",
        log: bool = False,
        timeout: float = INVOKE_TIMEOUT,
    ) -> InvokeReply:
        """Lambda's Invoke. `type`: RequestResponse | Event | DryRun. Raises NotFound and Throttled."""
        headers = {"X-Amz-Invocation-Type": type, "Content-Type": "application/json"}
        if log:
            headers["X-Amz-Log-Type"] = "Tail"
        path = f"/2015-03-31/functions/{quote(name, safe='')}/invocations"
        reply = self._aws("POST", path, {"Qualifier": qualifier}, payload, headers, timeout)
        return InvokeReply(
            request_id=reply.headers.get("x-amzn-requestid", ""),
            status_code=reply.status,
            payload=reply.body,
            function_error=reply.headers.get("x-amz-function-error"),
            executed_version=reply.headers.get("x-amz-executed-version"),
            log_tail=reply.base64_header("x-amz-log-result"),
        )

    def _aws(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        body: bytes,
        headers: dict[str, str],
        timeout: float | None = None,
    ) -> Reply:
        reply = self._transport.request(method, path, query, body, headers, timeout, aws=True)
        raise_service_error(reply)
        return reply
