"""One HTTP exchange with an engine, and what its error answers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from lambdatui.client.exchange import Address, BrokenAnswerError, exchange
from lambdatui.errors import LambdaTuiError, NoEngine, NotFound, OperationFailed, UsageError

# Signatures are not checked; the credential scope says that the request is AWS's and for which service.
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=lambdatui/20260101/us-east-1/lambda/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
)
START_HINT = "start one with `lambdatui run`"

T = TypeVar("T")


class Unavailable(NoEngine):
    """The engine took nothing on: it refused the connection, or it is stopping (503). Asking again is safe."""


class Throttled(OperationFailed):
    """The engine had no concurrency for the call (429)."""


class Reply(NamedTuple):
    """Status, lower-case headers and the whole body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def decode(self, kind: type[T]) -> T:
        """The JSON body as `kind`; OperationFailed where the engine speaks another version."""
        import msgspec

        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise OperationFailed(
                f"the engine's answer is not understood ({error}); is it of another version? restart it"
            ) from error

    def base64_header(self, name: str) -> bytes:
        """A header's base64 content; empty where it is missing or damaged."""
        import binascii

        try:
            return binascii.a2b_base64(self.headers.get(name, ""))
        except binascii.Error:
            return b""


class Transport:
    """Connections to one address, one for each request. `timeout` in seconds, of silence."""

    def __init__(self, url: str, token: str, timeout: float) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url} is not an engine's address; expected something like http://127.0.0.1:3001")
        self.url = url
        https = parts.scheme == "https"
        self._to = Address(parts.hostname, port or (443 if https else 80), https)
        self._base = parts.path.rstrip("/")
        self._token = token
        self._timeout = timeout

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        *,
        aws: bool = False,
    ) -> Reply:
        """One exchange. Query values that are None are left out, lists repeat. Raises NoEngine."""
        pairs = [(k, v) for k, v in (query or {}).items() if v is not None]
        target = self._base + path + ("?" + urlencode(pairs, doseq=True) if pairs else "")
        sent = {"Authorization": _SIGNED if aws else f"Bearer {self._token}", **(headers or {})}
        wait = timeout or self._timeout
        try:
            return Reply(*exchange(self._to, method, target, sent, body, wait))
        except TimeoutError as error:
            raise NoEngine(
                f"the engine at {self.url} did not answer within {wait:g} s; where it is stopped, `kill -CONT` and the "
                "pid in its engine.json wake it"
            ) from error
        except ConnectionRefusedError as error:
            raise Unavailable(f"no engine answers at {self.url}; {START_HINT}") from error
        except (OSError, BrokenAnswerError) as error:
            reason = str(error) or type(error).__name__
            raise NoEngine(f"the engine at {self.url} ended the connection ({reason}); {START_HINT}") from error


def raise_control_error(reply: Reply) -> None:
    """Turn a control answer {"error", "exit_code"} with a 4xx or 5xx status into the error that it means."""
    if reply.status < 400:
        return
    body = _json_object(reply.body)
    message = body.get("error") or body.get("message") or f"the engine answered HTTP {reply.status}"
    if reply.status in (401, 403) and "exit_code" not in body:
        message = f"the engine refused the token (HTTP {reply.status}); give it in LAMBDATUI_TOKEN"
    raise _error_kind(reply.status, body.get("exit_code"))(str(message))


def raise_service_error(reply: Reply) -> None:
    """Turn an AWS error answer into NotFound, Throttled, UsageError or OperationFailed, with AWS's message."""
    if reply.status < 400:
        return
    body = _json_object(reply.body)
    name = reply.headers.get("x-amzn-errortype", "").split(":")[0] or str(body.get("__type", ""))
    message = body.get("message") or body.get("Message") or body.get("error") or f"HTTP {reply.status}"
    if reply.status == 429:
        raise Throttled(f"throttled: {message} ({body.get('Reason') or name})")
    text = f"{message} ({name})" if name else str(message)
    raise _error_kind(reply.status, None)(text)


def _error_kind(status: int, exit_code: object) -> type[LambdaTuiError]:
    if status == 503:
        return Unavailable
    if status == 404:
        return NotFound
    if exit_code == 3:
        return NoEngine
    if exit_code == 2 or (exit_code is None and 400 <= status < 500):
        return UsageError
    return OperationFailed


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
