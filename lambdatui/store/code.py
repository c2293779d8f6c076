"""Code snapshots, content-addressed files that environments read by path."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path


class CodeStore:
    """DATA/code: blobs/<sha> and manifests/<sha>.json."""

    async def put(
        self, function: str, sha: str, manifest: Mapping[str, str], blobs: Mapping[str, bytes], at_us: int
    ) -> None:
        """Keep a snapshot: `manifest` maps relative paths to blob hashes, `blobs` holds those not yet stored."""
        raise NotImplementedError

    def manifest_path(self, sha: str) -> Path:
        raise NotImplementedError

    def has_blob(self, sha: str) -> bool:
        raise NotImplementedError

    def read(self, sha: str) -> dict[str, bytes]:
        raise NotImplementedError

    async def collect(self, keep: Collection[str] = ()) -> int:
        """Remove snapshots that neither history nor `keep` names; returns how many."""
        raise NotImplementedError
