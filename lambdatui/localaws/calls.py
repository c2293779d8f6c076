"""AWS calls to the local AWS, as data and as HTTP. No SDK: boto3 would cost the engine more memory than all it has."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from lambdatui.errors import LambdaTuiError

TIMEOUT_S = 20.0
_XML_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_XML_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One AWS request. `fine`: error codes that mean that what it asks for is so already."""

    service: str  # as the signature names it
    method: str = "POST"
    path: str = "/"
    headers: dict[str, str] = {}
    body: bytes = b""
    fine: tuple[str, ...] = ()


class CallError(LambdaTuiError):
    """The local AWS answered with an error; `code` is AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


def json_call(service: str, target: str, body: dict[str, Any], *, fine: tuple[str, ...] = ()) -> Call:
    """AWS JSON; `target` is X-Amz-Target, which names version and operation."""
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    return Call(service=service, headers=headers, body=msgspec.json.encode(body), fine=fine)


def query_call(service: str, version: str, action: str, fields: dict[str, str]) -> Call:
    """The query protocol: a form."""
    body = urlencode({"Action": action, "Version": version, **fields}).encode()
    return Call(service=service, headers={"Content-Type": "application/x-www-form-urlencoded"}, body=body)


def bucket_call(bucket: str, query: str = "", body: str = "", *, fine: tuple[str, ...] = ()) -> Call:
    """A PUT on a bucket or one of its settings (`query`), with XML."""
    path = f"/{quote(bucket)}" + (f"?{query}" if query else "")
    return Call(service="s3", method="PUT", path=path, body=body.encode(), fine=fine)


async def send(url: str, region: str, call: Call) -> bytes:
    """The answer's body. Raises CallError for an error of AWS's, OSError where nobody answers."""
    return await asyncio.to_thread(_send, url, region, call)


def _send(url: str, region: str, call: Call) -> bytes:
    import http.client  # an engine that needs no local AWS starts without it

    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=TIMEOUT_S)
    # Nobody checks the signature; its scope says which service and region are meant.
    scope = f"AWS4-HMAC-SHA256 Credential=local/20260101/{region}/{call.service}/aws4_request, SignedHeaders=host"
    headers = {**call.headers, "Authorization": f"{scope}, Signature=0", "X-Amz-Date": "20260101T000000Z"}
    try:
        connection.request(call.method, call.path, call.body, headers)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"the local AWS does not answer in HTTP: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status < 300:
        return body
    failure = _error(answer.status, body)
    if failure.code in call.fine:
        return b""
    raise failure


def _error(status: int, body: bytes) -> CallError:
    """What an error's body says, in either of AWS's forms."""
    code, message = _XML_CODE.search(body), _XML_MESSAGE.search(body)
    if code:
        return CallError(code[1].decode("utf-8", "replace"), message[1].decode("utf-8", "replace") if message else "")
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return CallError(f"HTTP {status}", body[:200].decode("utf-8", "replace"))
    kind = str(said.get("__type") or said.get("code") or f"HTTP {status}")
    return CallError(kind.rpartition("#")[2], str(said.get("message") or said.get("Message") or ""))
