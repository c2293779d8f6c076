"""Everything that the engine does not answer itself goes, as it came, to the server behind `--aws`.

Streams both ways over asyncio with httptools' parser; holds no more than a few pieces of either body. Only the answer
to a call that push triggers hang on (`observe`) is held back, until what it set off is on disk.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import re
import ssl
from urllib.parse import urlsplit

import httptools
import msgspec

from lambdatui.api import observe
from lambdatui.api.asgi import ClientGoneError, Headers, Message, Receive, Scope, Send, header, respond
from lambdatui.api.aws import targets
from lambdatui.api.aws.call import Door
from lambdatui.config.aws_profiles import is_profile
from lambdatui.errors import OperationFailed, StoreError
from lambdatui.localaws import calls

logger = logging.getLogger("lambdatui.api")

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 300.0
PIECE = 64 * 1024
INSTALL = "pip install 'lambdatui[aws]'"

_XML_SERVICES = {"", "s3", "s3express", "route53", "cloudfront"}  # by the name that signs; "": most likely S3
_PAGES = {404, 405, 500, 501}  # moto's server answers these with a page where it has no such service or operation

_REGION = re.compile(rb"Credential=[^/,\s]+/[^/]*/([a-z0-9-]+)/")
_IN_REGIONS = {"dynamodb", "sns", "ssm", "secretsmanager", "events"}  # of what a project declares, all but buckets

_HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}


class UpstreamError(Exception):
    """The server behind `--aws` could not be reached or does not speak HTTP."""


class UnreachableError(UpstreamError):
    """Nothing listens at the URL that `--aws` gives."""


class Forwarder:
    """The settings' `aws` is "none", "auto", a URL or a profile, whose calls do not come here.

    `start_aws` starts the "auto" server once and returns its URL.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._aws = door.settings.aws
        self._start = door.settings.start_aws
        self._told_regions: set[str] = set()

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to the server behind `--aws`; an AWS error where there is none or it does not answer."""
        name = service or "this AWS service"
        refuse = functools.partial(_refuse, service, scope, send)
        if self._aws == "none":
            await refuse(501, f"lambdatui does not answer {name} itself and runs with --aws none; start it with "
                "--aws auto (a moto server) or --aws URL (any AWS endpoint).")  # fmt: skip
            return
        if is_profile(self._aws):
            await refuse(501, f"lambdatui does not answer {name} itself and runs with --aws {self._aws}: ask AWS "
                "without this endpoint, as functions do.")  # fmt: skip
            return
        if self._aws == "auto" and (self._start is None or not moto_installed()):
            await refuse(501, f"lambdatui leaves {name} to a moto server, which is not installed: {INSTALL}, then "
                "start again; or name another endpoint with --aws URL.")  # fmt: skip
            return
        answer = _Answering(send)
        if self._aws == "auto":
            self._tell_other_region(service, scope)
            scope = _for_moto(service, scope)
        try:
            url = self._aws
            if self._aws == "auto" and self._start is not None:
                with self._door.engine.untimed((header(scope, b"x-amzn-trace-id") or b"").decode("latin-1")):
                    url = await self._start()
            seen = observe.watch(service, scope, self._door.sources.pushes.wanted)
            if seen is None:
                await exchange(url, scope, receive, answer)
            else:
                await self._observed(seen, url, scope, receive, answer)
            if self._aws == "auto" and (said := observe.unserved(scope)) is not None:
                self._door.engine.telemetry.say("notice", None, said)
            self._door.settings.aws_answered((header(scope, b"x-amz-target") or b"").decode("latin-1"))
        except ClientGoneError:
            return
        except Exception as error:
            if answer.started:
                raise
            if isinstance(error, StoreError):
                await refuse(500, f"{name} took it, but what it sets off could not be stored: {error}")
                return
            if not isinstance(error, UpstreamError | OperationFailed | OSError):
                logger.exception("forwarding failed")
            # An SDK asks again after a 502, for up to half a minute: right where our own server has just ended and
            # another one starts, and a riddle where none is there.
            lasting = isinstance(error, UnreachableError) if self._aws != "auto" else isinstance(error, OperationFailed)
            reason = str(error) or type(error).__name__
            await refuse(501 if lasting else 502, f"{name} is left to the server behind --aws, which failed: {reason}")
        else:
            if answer.page is not None:
                await refuse(501, f"{name} is left to the server behind --aws, which does not know this operation or "
                    f"failed at it: it answered {answer.page} with a web page, no AWS error.")  # fmt: skip

    def _tell_other_region(self, service: str, scope: Scope) -> None:
        """A client with a region of its own finds nothing of what is declared, and no error says why: once a region."""
        signed = _REGION.search(header(scope, b"authorization") or b"")
        region = signed[1].decode("latin-1") if signed and service in _IN_REGIONS else self._door.region
        if region != self._door.region and region not in self._told_regions:
            self._told_regions.add(region)
            self._door.engine.telemetry.say(
                "notice", None, f"{service} is called in {region}, and what the project declares is in "
                f"{self._door.region}: --region {region} puts it there",
            )  # fmt: skip

    async def _observed(self, seen: observe.Watch, url: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The exchange of a call that triggers hang on: its caller hears of a success when they have it on disk."""
        tee, answer = observe.Tee(receive, seen.kept), _Held()
        await exchange(url, scope, tee, answer)
        if answer.reply.status < 300:
            caller = self._door.engine.caller((header(scope, b"x-amzn-trace-id") or b"").decode("latin-1"))

            async def stat(path: str) -> dict[bytes, bytes] | None:
                return await _head(url, scope, path, self._door.region)

            async def silence(subscription: str) -> None:
                await calls.send(url, self._door.region, _silenced(subscription))

            pushes, quiet = self._door.sources.pushes, silence if self._aws == "auto" else None
            await observe.deliver(pushes, seen, tee, answer.reply, stat, quiet, caller.request_id)
        for message in answer.messages:
            await send(message)


def _silenced(subscription: str) -> calls.Call:
    """Lets no message through: moto would look for the queue or function in itself, and fail the Publish."""
    never = {"AttributeName": "FilterPolicy", "AttributeValue": '{"lambdatui":["delivers it"]}'}
    return calls.query_call("sns", "2010-03-31", "SetSubscriptionAttributes", {"SubscriptionArn": subscription} | never)


def _for_moto(service: str, scope: Scope) -> Scope:
    """Moto takes the body of an upload that is typed as a form (urllib, `curl -X PUT --data`) for fields, and keeps
    an empty object."""
    headers: Headers = scope["headers"]
    if (
        service != "s3"
        or scope["method"] != "PUT"
        or not (header(scope, b"content-type") or b"").startswith(targets.FORM)
    ):
        return scope
    kept = [pair for pair in headers if pair[0] != b"content-type"]
    return {**scope, "headers": [*kept, (b"content-type", b"binary/octet-stream")]}


class _Answering:
    """Passes an answer on, all but a web server's page about an error: SDKs cannot read it, and ask again after a 500.

    `page` is the status of one that was held back.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None  # held back until the body has begun
        self.started = False
        self.page: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _PAGES:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None and message["body"][:14].lower() == b"<!doctype html":
            self.page = start["status"]
        if self.page is not None:
            return
        self.started = True
        if start is not None:
            await self._send(start)
        await self._send(message)


class _Held:
    """Takes an answer and keeps it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def reply(self) -> observe.Reply:
        start, *rest = self.messages
        return observe.Reply(start["status"], dict(start["headers"]), b"".join(one["body"] for one in rest))


async def _head(url: str, scope: Scope, path: str, region: str) -> dict[bytes, bytes] | None:
    """The headers of an object; None where it cannot be had. Signed for form's sake: nobody checks it."""
    raw, _, query = path.partition("?")
    signed = f"AWS4-HMAC-SHA256 Credential=local/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
    asked = {
        **scope,
        "method": "HEAD",
        "raw_path": raw.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(b"host", header(scope, b"host") or b""), (b"authorization", signed.encode())],
    }
    answer = _Held()

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    try:
        await exchange(url, asked, nothing, answer)
    except UpstreamError:
        return None
    return answer.reply.headers if answer.reply.status < 300 else None


def moto_installed() -> bool:
    """Whether the `[aws]` extra is there; nothing is imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("moto", "flask"))


async def exchange(url: str, scope: Scope, receive: Receive, send: Send) -> None:
    """One request and its answer, body by body piece. Raises UpstreamError, ClientGoneError."""
    target = urlsplit(url)
    https = target.scheme == "https"
    port = target.port or (443 if https else 80)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                target.hostname, port, ssl=ssl.create_default_context() if https else None
            )
    except (OSError, TimeoutError) as error:
        raise UnreachableError(f"{url} cannot be reached ({str(error) or 'timed out'})") from error
    upload = asyncio.create_task(_upload(scope, receive, writer, target.path.rstrip("/").encode()))
    try:
        await _download(scope, reader, send, upload)
    finally:
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        writer.close()


async def _upload(scope: Scope, receive: Receive, writer: asyncio.StreamWriter, base: bytes) -> None:
    """The head and the body. A length that the caller gave is kept, else the body goes in chunks."""
    headers: Headers = scope["headers"]
    sized = any(name == b"content-length" for name, _ in headers)
    chunked = not sized and any(name == b"transfer-encoding" for name, _ in headers)
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    lines = [b"%s %s%s%s HTTP/1.1" % (scope["method"].encode(), base, scope["raw_path"], query)]
    lines += [b"%s: %s" % pair for pair in headers if pair[0] not in _HOP_BY_HOP and pair[0] != b"expect"]
    lines.append(b"connection: close")
    if chunked:
        lines.append(b"transfer-encoding: chunked")
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        if piece:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


class _Answer:
    """httptools' callbacks: collects what one piece of input gave."""

    def __init__(self) -> None:
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.head_done = False
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in _HOP_BY_HOP:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.done = True


async def _download(scope: Scope, reader: asyncio.StreamReader, send: Send, upload: asyncio.Task[None]) -> None:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    begun = False
    ended = scope["method"] == "HEAD"
    while True:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            data = await reader.read(PIECE)
        if not data:
            if not answer.head_done:
                _blame(upload)
                raise UpstreamError("it ended the connection without an answer")
            break
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise UpstreamError(f"its answer is not HTTP ({error})") from error
        if answer.head_done and parser.get_status_code() < 200:  # 100 Continue
            answer.headers, answer.head_done, answer.done = [], False, False
            continue
        if answer.head_done and not begun:
            begun = True
            headers = [pair for pair in answer.headers if pair[0] not in (b"date", b"server")]
            await send({"type": "http.response.start", "status": parser.get_status_code(), "headers": headers})
        if answer.pieces:
            body = b"".join(answer.pieces)
            answer.pieces.clear()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        if answer.done or (ended and answer.head_done):
            break
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _blame(upload: asyncio.Task[None]) -> None:
    """A caller that hung up is why the other side got no whole request."""
    if upload.done() and not upload.cancelled():
        error = upload.exception()
        if error is not None:
            raise error


async def _refuse(service: str, scope: Scope, send: Send, status: int, sentence: str) -> None:
    """An error in the shape that the caller's SDK reads: JSON, or XML for S3, its like and the query protocol."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    form = headers.get(b"content-type", b"").startswith(targets.FORM)
    code = {500: "InternalError", 501: "NotServed"}.get(status, "ServiceUnavailable")
    if b"x-amz-target" in headers or (service not in _XML_SERVICES and not form):
        body = msgspec.json.encode({"__type": code, "message": sentence, "Message": sentence})
        kind = b"application/x-amz-json-1.1"
    else:
        from xml.sax.saxutils import escape  # brings the whole of urllib

        text = f"<Code>{code}</Code><Message>{escape(sentence)}</Message>"
        xml = (
            f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
            if form
            else f"<Error>{text}</Error>"
        )
        body = b'<?xml version="1.0" encoding="UTF-8"?>\n' + xml.encode()
        kind = b"application/xml"
    await respond(send, status, body, [(b"content-type", kind), (b"x-amzn-errortype", code.encode())])
