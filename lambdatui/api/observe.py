"""What the door sees pass: objects put and deleted, messages published, events put. They feed the push triggers.

The server behind `--aws` holds buckets, topics and buses, and cannot call the functions; the calls that change them
pass here. A call is looked at only where a trigger wants it, and only after it was answered with success: its caller
hears of the success when the event is on disk.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote

import msgspec

from lambdatui.api.asgi import Message, Receive, Scope, headers_of
from lambdatui.api.ports import PushPort
from lambdatui.api.topic_calls import Form, changed, form_of, published, subscription
from lambdatui.clock import MICROS
from lambdatui.sources.push_shapes import BusEvent, ObjectChange

if TYPE_CHECKING:
    from xml.etree import ElementTree

KEPT = 2 * 1024 * 1024  # bytes of a request: more than a topic's, a bus' or a list of keys may have
FORM_HEAD = 64 * 1024  # of an upload by form, whose fields come before its file
_BUCKET_HOST = re.compile(r"(.+?)\.(?:s3[.-].*|localhost)(?::\d+)?", re.IGNORECASE)
# Queries of PUT and POST on an object that are no upload of the object itself.
_OF_OBJECTS = frozenset({"x-id", "versionId"})

Stat = Callable[[str], Awaitable[dict[bytes, bytes] | None]]  # an object's headers by its path; None: not to be had


Silence = Callable[[str], Awaitable[None]]  # by the subscription's ARN


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may set triggers off."""

    kind: str  # Put | Copy | CompleteMultipartUpload | Post | Delete | DeleteMany | Topic | PutEvents
    bucket: str = ""
    key: str = ""
    path: str = ""  # as the other side addresses the object
    version_id: str | None = None
    kept: int = 0  # bytes of its body that are needed


def watch(service: str, scope: Scope, wanted: Callable[[str, str], bool]) -> Watch | None:
    """The request as one to be watched; None for all others. `wanted` says whether a trigger hangs on the `bucket` of
    that name, or on any `bus`; topics may be subscribed to by API. Pure."""
    headers = headers_of(scope)
    target = headers.get(b"x-amz-target", b"")
    if target == b"AWSEvents.PutEvents":
        return Watch(kind="PutEvents", kept=KEPT) if wanted("bus", "") else None
    if service == "sns":
        return Watch(kind="Topic", kept=KEPT) if scope["method"] == "POST" else None
    if service not in ("s3", "") or target or scope["method"] not in ("PUT", "POST", "DELETE"):
        return None
    bucket, key, path = _address(scope, headers)
    return _object_watch(scope, headers, bucket, key, path) if bucket and wanted("bucket", bucket) else None


def unserved(scope: Scope) -> str | None:
    """What to say of a call that makes triggers which are only served where the project declares them. Pure."""
    if headers_of(scope).get(b"x-amz-target") == b"AWSEvents.PutTargets":
        return (
            "targets that are put on a rule by API get nothing, and moto fails the PutEvents that match: declare the "
            "rule in the template"
        )
    if scope["method"] == "PUT" and scope["query_string"].partition(b"=")[0] == b"notification":
        return "a bucket's notifications that are set by API are not served: declare them in the template"
    return None


def _object_watch(scope: Scope, headers: dict[bytes, bytes], bucket: str, key: str, path: str) -> Watch | None:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = {
        name for name in query if not name.lower().startswith(("x-amz-", "awsaccesskeyid", "signature", "expires"))
    }
    method = scope["method"]
    version = query.get("versionId", [None])[0]
    kind = None
    if key and not names - _OF_OBJECTS and method != "POST":
        copied = b"x-amz-copy-source" in headers
        kind = "Delete" if method == "DELETE" else "Copy" if copied else "Put"
    elif key and method == "POST" and "uploadId" in names:
        kind = "CompleteMultipartUpload"
    elif not key and method == "POST" and "delete" in names:
        return Watch(kind="DeleteMany", bucket=bucket, kept=KEPT)
    elif not key and method == "POST" and headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
        return Watch(kind="Post", bucket=bucket, path=path, kept=FORM_HEAD)
    return None if kind is None else Watch(kind=kind, bucket=bucket, key=key, path=path, version_id=version)


def _address(scope: Scope, headers: dict[bytes, bytes]) -> tuple[str, str, str]:
    """(bucket, key, raw path) of a request in either of S3's two styles."""
    raw = scope["raw_path"].decode("latin-1")
    virtual = _BUCKET_HOST.fullmatch(headers.get(b"host", b"").decode("latin-1"))
    if virtual:
        return virtual[1], unquote(raw.removeprefix("/")), raw
    bucket, _, key = raw.removeprefix("/").partition("/")
    return unquote(bucket), unquote(key), raw


class Tee:
    """Reads a request's body on behalf of somebody else and keeps its beginning."""

    def __init__(self, receive: Receive, kept: int) -> None:
        self._receive = receive
        self._limit = kept
        self.body = bytearray()
        self.whole = True  # nothing was left out

    async def __call__(self) -> Message:
        message = await self._receive()
        piece: bytes = message.get("body", b"")
        room = self._limit - len(self.body)
        self.body += piece[:room]
        self.whole = self.whole and len(piece) <= room
        return message


async def deliver(
    pushes: PushPort, seen: Watch, tee: Tee, reply: Reply, stat: Stat, silence: Silence | None, parent_id: str | None
) -> None:
    """Hand what a successful request has changed to the triggers. On disk when this returns. Raises StoreError.

    `silence`: keeps the other side from delivering a subscription; None where subscriptions are its own business.
    """
    if seen.kind == "PutEvents":
        if tee.whole:
            await pushes.events(events_put(bytes(tee.body), reply.body), parent_id)
    elif seen.kind == "Topic":
        if tee.whole:
            form = form_of(bytes(tee.body))
            await pushes.publish(published(form, reply.body), parent_id)
            if silence is not None:
                await _subscriptions(pushes, form, reply.body, silence)
    elif seen.kind == "DeleteMany":
        if tee.whole:
            await pushes.objects(many_deleted(seen.bucket, bytes(tee.body), reply.body), parent_id)
    elif seen.kind == "Delete":
        await pushes.objects([deleted(seen, reply.headers)], parent_id)
    elif b"<Error>" not in reply.body:  # a copy or a completion may fail after its 200
        await pushes.objects(await _created(seen, tee, reply, stat), parent_id)


async def _subscriptions(pushes: PushPort, form: Form, answer: bytes, silence: Silence) -> None:
    """A subscription of a function or queue that is made, changed or ended by API. It lives as long as its server."""
    action, arn = form.get("Action"), form.get("SubscriptionArn", "")
    if action == "Unsubscribe":
        pushes.unsubscribe(arn)
        return
    before = pushes.subscribed(arn) if action == "SetSubscriptionAttributes" else None
    if before is not None:
        push = changed(before, form.get("AttributeName", ""), form.get("AttributeValue", ""))
    elif (made := subscription(form, answer) if action == "Subscribe" else None) is not None:
        push = made
    else:
        return
    pushes.subscribe(push)
    await silence(push.id)


async def _created(seen: Watch, tee: Tee, reply: Reply, stat: Stat) -> list[ObjectChange]:
    key, path = seen.key, seen.path
    if seen.kind == "Post":
        key = form_key(bytes(tee.body)) or ""
        path = f"{path.rstrip('/')}/{quote(key)}"
        if not key:
            return []
    version = _version(reply.headers)
    found = await stat(f"{path}?versionId={quote(version)}" if version else path) or {}
    length = found.get(b"content-length", b"")
    etag = found.get(b"etag", reply.headers.get(b"etag", b"")).decode("latin-1").strip('"')
    change = ObjectChange(
        bucket=seen.bucket,
        key=key,
        event=f"ObjectCreated:{seen.kind}",
        size=int(length) if length.isdigit() else 0,
        etag=etag or None,
        version_id=version,
    )
    return [change]


# what requests and answers say: pure


def _version(headers: dict[bytes, bytes]) -> str | None:
    """The version that an answer names; "null" is the one of objects without versions."""
    version = headers.get(b"x-amz-version-id", b"").decode("latin-1")
    return version if version not in ("", "null", "None") else None


def deleted(seen: Watch, headers: dict[bytes, bytes]) -> ObjectChange:
    """A DELETE of one object: in a bucket with versions it leaves a marker, unless it names a version."""
    marker = headers.get(b"x-amz-delete-marker") == b"true" and seen.version_id is None
    version = _version(headers) or seen.version_id
    kind = "DeleteMarkerCreated" if marker else "Delete"
    return ObjectChange(bucket=seen.bucket, key=seen.key, event=f"ObjectRemoved:{kind}", version_id=version)


def many_deleted(bucket: str, request: bytes, answer: bytes) -> list[ObjectChange]:
    """A DeleteObjects: every key that was asked for and not refused."""
    refused = {(_said(one, "Key"), _said(one, "VersionId")) for one in _elements(answer, "Error")}
    markers = {
        _said(one, "Key"): _said(one, "DeleteMarkerVersionId")
        for one in _elements(answer, "Deleted")
        if _said(one, "DeleteMarker") == "true"
    }
    changes = []
    for one in _elements(request, "Object"):
        key, version = _said(one, "Key"), _said(one, "VersionId")
        if key is None or (key, version) in refused:
            continue
        marked = version is None and key in markers
        changes.append(
            ObjectChange(
                bucket=bucket,
                key=key,
                event="ObjectRemoved:DeleteMarkerCreated" if marked else "ObjectRemoved:Delete",
                version_id=markers[key] if marked else version,
            )
        )
    return changes


def _elements(document: bytes, name: str) -> list[ElementTree.Element]:
    """All elements of a name, whatever their namespace; [] for what is no XML."""
    if b"<!DOCTYPE" in document:  # S3 has none, and entities could grow without bounds
        return []
    from xml.etree import ElementTree  # for few requests: an engine starts without it

    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        return []
    return [one for one in root.iter() if one.tag.rpartition("}")[2] == name]


def _said(element: ElementTree.Element, name: str) -> str | None:
    return next((one.text or "" for one in element if one.tag.rpartition("}")[2] == name), None)


def form_key(head: bytes) -> str | None:
    """The key that an upload by form asks for. An expression would take 40 s for a hostile head of 64 KB."""
    field = head.find(b'name="key"')
    begin = head.find(b"\r\n\r\n", field)
    end = head.find(b"\r\n--", begin + 4)
    if min(field, begin, end) < 0:
        return None
    return head[begin + 4 : end].decode("utf-8", "replace").replace("${filename}", _form_file(head))


def _form_file(head: bytes) -> str:
    _, _, rest = head.partition(b'name="file";')
    _, _, named = rest.partition(b"\r\n")[0].rpartition(b'filename="')
    name, quote, _ = named.partition(b'"')
    return name.decode("utf-8", "replace") if quote else ""


def events_put(request: bytes, answer: bytes) -> list[BusEvent]:
    """A PutEvents: the entries that the answer does not refuse."""
    try:
        entries = msgspec.json.decode(request, type=dict[str, Any]).get("Entries") or []
        results = msgspec.json.decode(answer, type=dict[str, Any]).get("Entries") or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    pairs = zip(entries, results, strict=False)
    return [event for entry, result in pairs if (event := _event(entry, result)) is not None]


def _event(entry: dict[str, Any], result: dict[str, Any]) -> BusEvent | None:
    try:
        detail = msgspec.json.decode(entry["Detail"], type=dict[str, Any])
        time = entry.get("Time")
        return BusEvent(
            bus=(entry.get("EventBusName") or "default").rpartition("event-bus/")[2],
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=detail,
            resources=[str(one) for one in entry.get("Resources") or []],
            time_us=round(time * MICROS) if isinstance(time, int | float) else None,
            id=result["EventId"],
        )
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError, RecursionError):
        return None
