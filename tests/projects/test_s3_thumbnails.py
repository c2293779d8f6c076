"""Uploads that make a function run, with a compiled package from its requirements.txt."""

from __future__ import annotations

import struct
import zlib

from tests.projects.conftest import Running, eventually

PROJECT = "s3-thumbnails"
UPLOADS = "s3-thumbnails-000000000000-uploads"
THUMBNAILS = "s3-thumbnails-000000000000-thumbnails"


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def size(picture: bytes) -> tuple[int, int]:
    return struct.unpack(">II", picture[16:24])


def test_every_uploaded_picture_gets_its_thumbnail(project: Running) -> None:
    s3 = project.client("s3")
    s3.put_object(Bucket=UPLOADS, Key="notes/readme.txt", Body=b"no picture")
    s3.put_object(Bucket=UPLOADS, Key="pictures/summer 2026 (ö).png", Body=png(640, 320))
    made = eventually(lambda: s3.list_objects_v2(Bucket=THUMBNAILS).get("Contents"))
    assert [item["Key"] for item in made] == ["pictures/summer 2026 (ö).png"]
    thumbnail = s3.get_object(Bucket=THUMBNAILS, Key=made[0]["Key"])
    assert thumbnail["ContentType"] == "image/png"
    assert size(thumbnail["Body"].read()) == (64, 32)

    eventually(lambda: project.invocations("ResizeFunction"))
    (row,) = project.invocations("ResizeFunction")
    assert (row.status, row.type) == ("ok", "Event")


def test_the_awscli_uploads_too(project: Running) -> None:
    path = project.root / "square.png"
    path.write_bytes(png(100, 100))
    project.aws("s3api", "put-object", "--bucket", UPLOADS, "--key", "pictures/square.png", "--body", str(path))
    s3 = project.client("s3")
    eventually(lambda: "pictures/square.png" in [o["Key"] for o in s3.list_objects_v2(Bucket=THUMBNAILS)["Contents"]])
