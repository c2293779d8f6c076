"""Pure arithmetic of streams: which shard a key belongs to, and sequence numbers as text."""

from __future__ import annotations

import hashlib

_SPACE = 1 << 128
_BASE = 49 * 10**54  # real ones begin so, and have 56 digits
_MAX = (1 << 63) - 1


def shard_name(index: int) -> str:
    return f"shardId-{index:012d}"


def shard_names(count: int) -> list[str]:
    return [shard_name(index) for index in range(count)]


def hash_range(index: int, count: int) -> tuple[int, int]:
    """First and last hash key of shard `index` of `count`; the ranges are even and leave no gap."""
    return -(-index * _SPACE // count), -(-(index + 1) * _SPACE // count) - 1


def shard_of(partition_key: str, count: int, explicit_hash_key: int | str | None = None) -> str:
    """The shard that takes a record: by MD5 of the partition key, or by the hash key that the caller gives."""
    if explicit_hash_key is not None:
        hashed = min(max(int(explicit_hash_key), 0), _SPACE - 1)
    else:
        hashed = int.from_bytes(hashlib.md5(partition_key.encode("utf-8", "surrogatepass")).digest(), "big")
    return shard_name(hashed * count // _SPACE)


def seq_text(number: int) -> str:
    """Sequence number as fixed-width text: sorts as it counts."""
    return str(_BASE + number)


def seq_number(text: str) -> int:
    """What `seq_text` made; 0 (before the first) for empty text, the nearest one for numbers of another making."""
    if not text:
        return 0
    return min(max(int(text) - _BASE, 0), _MAX) if text.isdecimal() and len(text) <= 64 else 0
