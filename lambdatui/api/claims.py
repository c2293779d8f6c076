"""The claims of a JSON Web Token, unverified: nobody here holds the issuer's keys. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec


def claims_of(authorization: str | None) -> dict[str, str] | None:
    """The claims as the texts that API Gateway makes of them; None where there is no such token."""
    scheme, _, token = (authorization or "").strip().rpartition(" ")
    parts = token.split(".")
    if scheme.lower() not in ("", "bearer") or len(parts) != 3:
        return None
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return {name: _text(value) for name, value in found.items()} if isinstance(found, dict) else None


def _text(value: Any) -> str:
    """`true`, `1700000000`, `[admins users]`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(map(_text, value))}]"
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)
