"""Messages of `application/vnd.amazon.eventstream`: how AWS streams answers. Pure.

    total length u32 | headers length u32 | CRC32 of those | headers | payload | CRC32 of all before, big-endian

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib

CONTENT_TYPE = b"application/vnd.amazon.eventstream"
_STRING = 7  # type of a header's value
_AROUND = 16  # bytes of a message that are neither header nor payload


def event(kind: bytes, payload: bytes, content_type: bytes) -> bytes:
    """One event as a message."""
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (b":message-type", b"event"),
            (b":event-type", kind),
            (b":content-type", content_type),
        )
    )
    prelude = struct.pack(">II", len(headers) + len(payload) + _AROUND, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value
