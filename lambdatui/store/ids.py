"""Ids as 16-byte blobs, payloads once by hash, and text as bytes: the encodings that every table shares."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from string import hexdigits
from typing import Any

from lambdatui.store.statements import insert_rows

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


@lru_cache(4096)  # log lines of one request come together
def pack_id(text: str) -> bytes | str:
    """A UUID as 16 bytes; any other id stays text, which SQLite keeps apart."""
    if _UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return text


def id_range(text: str) -> tuple[bytes | str, bytes | str]:
    """The least and the greatest id that `text` may mean: itself, or of the beginning of a UUID, from the eight digits
    that screens show (with their "…" or not), all that begin so.
    """
    begin = text.rstrip("…").lower()
    digits = begin.replace("-", "")
    if 8 <= len(digits) < 32 and not digits.strip(hexdigits):
        least = bytes.fromhex(digits.ljust(32, "0"))
        if unpack_id(least).startswith(begin):
            return least, bytes.fromhex(digits.ljust(32, "f"))
    return pack_id(text), pack_id(text)


def pack_optional(text: str | None) -> bytes | str | None:
    return None if text is None else pack_id(text)


def unpack_id(value: bytes | str) -> str:
    if isinstance(value, str):
        return value
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def unpack_optional(value: bytes | str | None) -> str | None:
    return None if value is None else unpack_id(value)


def put_payload(connection: sqlite3.Connection, data: bytes) -> int:
    """Key of `data`'s one copy, with one more reference; triggers on the tables that refer to it take them away."""
    rows = connection.execute(
        "INSERT INTO payload(hash, refs, data) VALUES (?, 1, ?)"
        " ON CONFLICT(hash) DO UPDATE SET refs = refs + 1 RETURNING id",
        (hashlib.sha256(data).digest(), data),
    ).fetchall()
    key: int = rows[0][0]
    return key


# Its value in a row is what `put_payloads` gave for it.
PAYLOAD_OF_HASH = "(SELECT id FROM payload WHERE hash = ?)"


def put_payloads(connection: sqlite3.Connection, payloads: Sequence[bytes]) -> list[bytes]:
    """The hashes of `payloads`, each stored with one more reference, for PAYLOAD_OF_HASH."""
    digests = [hashlib.sha256(data).digest() for data in payloads]
    rows: dict[bytes, list[Any]] = {}
    for digest, data in zip(digests, payloads, strict=True):
        rows.setdefault(digest, [digest, 0, data])[1] += 1
    insert_rows(
        connection,
        "INSERT INTO payload(hash, refs, data)",
        "(?,?,?)",
        list(rows.values()),
        "ON CONFLICT(hash) DO UPDATE SET refs = refs + excluded.refs",
    )
    return digests


def to_bytes(text: str) -> bytes:
    """Exact, lone surrogates included (JSON may hold them)."""
    return text.encode("utf-8", "surrogatepass")


def to_text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # bytes that a disk has changed: they must not hold up their queue for ever
        return data.decode("utf-8", "replace")


def clean(text: str | None) -> str | None:
    """Text that SQLite takes: lone surrogates become `?`. For messages, never for payloads."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
