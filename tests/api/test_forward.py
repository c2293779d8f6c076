"""What the engine does not answer itself: forwarded whole, or refused with what to do about it."""

from __future__ import annotations

import http.client
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdatui.config.model import BucketTrigger
from lambdatui.errors import OperationFailed, StoreError
from tests.api.api_support import Running, project
from tests.api.test_lambda_api import error_of

# What werkzeug, on which moto stands, says to a NotImplementedError.
PAGE = b"<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Remembers what it was asked; gives bodies back, by length or in chunks."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def _answer(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.seen.append((self.command, self.path, dict(self.headers.items()), body))
        self.send_response(500 if body == PAGE or "fails" in self.path else 207)
        self.send_header("X-Upstream", "yes")
        if "chunks" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), 1000):
                piece = body[start : start + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = _answer  # noqa: N815  # the library's names

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


SIGNED = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def call(door: Running, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    connection.request(method, path, body, {"Authorization": SIGNED, **headers})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data, answer.headers


def test_requests_and_answers_pass_as_they_are(fresh: Callable[..., Running], upstream: str) -> None:
    own = fresh(aws=upstream)
    body = bytes(range(256)) * 4000
    for path in ("/bucket/a%20b%2Fc?x=1&y", "/bucket/chunks"):
        status, data, headers = call(own, "PUT", path, body)
        assert (status, data == body, headers["X-Upstream"]) == (207, True, "yes")
        method, seen, sent, received = Upstream.seen[-1]
        assert (method, seen, received == body) == ("PUT", path, True)
        assert sent["authorization"] == SIGNED
    status, data, _ = call(own, "PUT", "/bucket/chunks", iter([b"one", b"two"]))
    assert (status, data) == (207, b"onetwo")
    status, data, _ = call(own, "HEAD", "/bucket/x")
    assert (status, data) == (207, b"")
    with_target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    assert call(own, "POST", "/", b"{}", **with_target)[0] == 207


def test_auto_starts_its_server_at_the_first_such_call(fresh: Callable[..., Running], upstream: str) -> None:
    starts = []

    async def start() -> str:
        starts.append(1)
        return upstream

    own = fresh(aws="auto", start_aws=start)
    assert starts == []
    assert call(own, "GET", "/bucket")[0] == 207
    assert starts == [1]


def test_the_local_aws_starts_on_nobodys_time(fresh: Callable[..., Running], upstream: str) -> None:
    """A function that makes the first call must not time out because of it: SAM's default are 3 seconds."""
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    held = []

    async def start() -> str:
        held.extend(own.engine.untimed_for)
        return upstream

    own = fresh(aws="auto", start_aws=start)
    assert call(own, "GET", "/bucket", **{"X-Amzn-Trace-Id": header})[0] == 207
    assert held == [header]


def test_without_one_the_answer_says_what_to_do(
    fresh: Callable[..., Running], client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = fresh(aws="none")
    code, message, status = error_of(client("secretsmanager", own.url).list_secrets)
    assert (code, status) == ("NotServed", 501)
    assert "secretsmanager" in message
    assert "--aws" in message
    code, message, status = error_of(client("sts", own.url).get_caller_identity)  # the query protocol: XML
    assert (code, status) == ("NotServed", 501)
    assert "--aws" in message
    status, body, headers = call(own, "GET", "/bucket")
    assert (status, headers["content-type"]) == (501, "application/xml")
    assert b"<Error><Code>NotServed</Code><Message>" in body
    code, message, status = error_of(client("scheduler", own.url).list_schedules)  # REST with JSON
    assert (code, status, message[:9]) == ("NotServed", 501, "lambdatui")
    monkeypatch.setitem(sys.modules, "moto", None)
    auto = fresh(aws="auto")
    assert b"pip install 'lambdatui[aws]'" in call(auto, "GET", "/bucket")[1]


PHOTOS = BucketTrigger(id="New", bucket="photos", events=("s3:ObjectCreated:*",), function="echo")


def test_a_trigger_has_its_event_on_disk_when_the_caller_hears_of_the_success(
    fresh: Callable[..., Running], upstream: str, tmp_path: Path
) -> None:
    own = fresh(aws=upstream, project=project(tmp_path, pushes=(PHOTOS,)))
    assert call(own, "PUT", "/photos/in/a.jpg", b"12345")[:2] == (207, b"12345")
    assert own.store.events.count() == 1
    [row] = own.sources.snapshot().pushes
    assert (row.id, row.source, row.target, row.delivered) == ("New", "photos", "echo", 1)
    assert call(own, "PUT", "/other/a.jpg", b"1")[0] == 207
    assert call(own, "GET", "/photos/a.jpg")[0] == 207
    assert own.store.events.count() == 1


def test_a_large_upload_that_a_trigger_waits_for_still_passes_in_pieces(
    fresh: Callable[..., Running], upstream: str, tmp_path: Path
) -> None:
    own = fresh(aws=upstream, project=project(tmp_path, pushes=(PHOTOS,)))
    body = bytes(range(256)) * 20_000
    assert call(own, "PUT", "/photos/large", body)[0] == 207
    put = [received for method, path, _, received in Upstream.seen if (method, path) == ("PUT", "/photos/large")]
    assert put == [body]


def test_a_success_whose_event_cannot_be_stored_is_none(
    fresh: Callable[..., Running], upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = fresh(aws=upstream, project=project(tmp_path, pushes=(PHOTOS,)))

    async def full(*_: Any, **__: Any) -> str:
        raise StoreError("the disk is full")

    monkeypatch.setattr(own.engine, "accept", full)
    status, body, _ = call(own, "PUT", "/photos/a", b"1")
    assert status == 500
    assert b"<Code>InternalError</Code>" in body
    assert b"s3 took it, but what it sets off could not be stored: the disk is full" in body


def test_a_server_that_is_not_there_is_said_at_once(fresh: Callable[..., Running], client: Callable[..., Any]) -> None:
    own = fresh(aws="http://127.0.0.1:9")
    code, message, status = error_of(client("secretsmanager", own.url).list_secrets)
    assert (code, status) == ("NotServed", 501)  # SDKs would try a 502 again and again
    assert "127.0.0.1:9" in message

    async def broken() -> str:
        raise OperationFailed("it did not start")

    code, message, status = error_of(client("secretsmanager", fresh(aws="auto", start_aws=broken).url).list_secrets)
    assert (code, status) == ("NotServed", 501)
    assert "it did not start" in message


def test_a_server_of_our_own_that_has_just_ended_is_worth_another_try(
    fresh: Callable[..., Running], client: Callable[..., Any]
) -> None:
    async def gone() -> str:
        return "http://127.0.0.1:9"

    code, _, status = error_of(client("secretsmanager", fresh(aws="auto", start_aws=gone).url).list_secrets)
    assert (code, status) == ("ServiceUnavailable", 502)


def test_a_page_about_an_unknown_operation_becomes_an_error_that_nobody_tries_again(
    fresh: Callable[..., Running], upstream: str
) -> None:
    own = fresh(aws=upstream)
    status, body, headers = call(own, "PUT", "/photos/a", PAGE)
    assert (status, headers["x-amzn-errortype"]) == (501, "NotServed")
    assert b"it answered 500 with a web page" in body
    status, body, headers = call(own, "PUT", "/photos/fails", b"<Error/>")  # AWS's own words pass
    assert (status, body, headers["X-Upstream"]) == (500, b"<Error/>", "yes")
    assert call(own, "PUT", "/photos/fails", b"")[:2] == (500, b"")
    assert call(own, "HEAD", "/photos/fails")[:2] == (500, b"")


def test_motos_uploads_are_never_forms(fresh: Callable[..., Running], upstream: str) -> None:
    async def start() -> str:
        return upstream

    typed = {"Content-Type": "application/x-www-form-urlencoded"}
    for own, seen in (
        (fresh(aws="auto", start_aws=start), "binary/octet-stream"),
        (fresh(aws=upstream), typed["Content-Type"]),
    ):
        assert call(own, "PUT", "/photos/a", b"hello", **typed)[:2] == (207, b"hello")
        kept = {name.lower(): value for name, value in Upstream.seen[-1][2].items()}
        assert kept["content-type"] == seen


def test_a_call_in_another_region_is_told_once(fresh: Callable[..., Running], upstream: str) -> None:
    async def start() -> str:
        return upstream

    own = fresh(aws="auto", start_aws=start)
    for service, region in (("dynamodb", "us-east-1"), ("iam", "eu-west-1"), *[("dynamodb", "eu-west-1")] * 2):
        signed = SIGNED.replace("/us-east-1/s3/", f"/{region}/{service}/")
        assert call(own, "POST", "/", b"", Authorization=signed)[0] == 207
    said = [one.message for one in own.telemetry.happenings_after(0) if one.kind == "notice"]
    assert said == [
        "dynamodb is called in eu-west-1, and what the project declares is in us-east-1: --region eu-west-1 puts it "
        "there"
    ]
