"""Code snapshots: content-addressed files that environments read by path, so they must never be seen half-written."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from lambdatui.errors import StoreError
from lambdatui.store.history import HistoryStore
from lambdatui.store.limits import SNAPSHOTS_KEPT
from lambdatui.store.refusals import explain

_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}")


class CodeStore:
    """DATA/code: blobs/<sha> (exact bytes) and manifests/<sha>.json ({relative path: blob's sha}).

    Beside them bytecode/, which is the runtime's: environments cannot make it themselves.
    """

    def __init__(self, folder: Path, history: HistoryStore) -> None:
        self._blobs = folder / "blobs"
        self._manifests = folder / "manifests"
        self._history = history
        self._lock = threading.Lock()  # a snapshot being written must not lose its blobs to a collection
        self._fresh: set[str] = set()  # put since the last collection, whose list may be older
        self.in_use: Callable[[], Collection[str]] = tuple  # snapshots that somebody reads by path
        for each in (folder, self._blobs, self._manifests, folder / "bytecode"):
            try:
                each.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"{each} cannot be used ({error.strerror or error}): move it away, or choose another folder with "
                    "--data."
                ) from error

    async def put(
        self, function: str, sha: str, manifest: Mapping[str, str], blobs: Mapping[str, bytes], at_us: int
    ) -> None:
        """Keep a snapshot: `manifest` maps relative paths to blob hashes, `blobs` holds those not yet stored."""
        await self._history.code_used(function, sha, at_us)
        await asyncio.to_thread(self._put, sha, manifest, blobs)

    def _put(self, sha: str, manifest: Mapping[str, str], blobs: Mapping[str, bytes]) -> None:
        try:
            with self._lock:
                for name, data in blobs.items():
                    path = self.blob_path(name)
                    if not path.exists() or path.stat().st_size != len(data):
                        _write(path, data)
                missing = [name for name, blob in manifest.items() if not self.has_blob(blob)]
                if missing:
                    raise StoreError(f"code snapshot {sha} is incomplete: the content of {missing[0]} was not given.")
                self._fresh.add(sha)
                _write(self.manifest_path(sha), json.dumps(dict(manifest), sort_keys=True).encode())
        except OSError as error:
            raise explain(error, self.manifest_path(sha)) from error

    def manifest_path(self, sha: str) -> Path:
        """Where the snapshot's manifest is, or would be."""
        return self._manifests / f"{_checked(sha)}.json"

    def blob_path(self, sha: str) -> Path:
        """Where a file's content is, or would be."""
        return self._blobs / _checked(sha)

    def has_blob(self, sha: str) -> bool:
        """Whether this content is stored already."""
        return self.blob_path(sha).exists()

    def read(self, sha: str) -> dict[str, bytes]:
        """Relative path -> content of a snapshot; empty where it is not kept any more."""
        return read_snapshot(self._manifests.parent, sha)

    async def collect(self, keep: Collection[str] = ()) -> int:
        """Remove snapshots that neither history, `keep` nor `in_use` names, but the newest of each function; how many.

        What was put since the last collection stays until the next one.
        """
        named = await self._history.code_named(SNAPSHOTS_KEPT)
        return await asyncio.to_thread(self._collect, named | set(keep) | set(self.in_use()))

    def _collect(self, keep: set[str]) -> int:
        with self._lock:
            keep |= self._fresh
            self._fresh.clear()
            gone = [path for path in self._manifests.glob("*.json") if path.stem not in keep]
            for path in gone:
                path.unlink(missing_ok=True)
            used: set[str] = set()
            for path in self._manifests.glob("*.json"):
                used.update(_manifest(path).values())
            for path in self._blobs.iterdir():
                if path.name not in used:
                    path.unlink(missing_ok=True)
        return len(gone)


def read_snapshot(folder: Path, sha: str) -> dict[str, bytes]:
    """Relative path -> content, from DATA/code; files that are not there are left out."""
    if not _NAME.fullmatch(sha):
        return {}
    found: dict[str, bytes] = {}
    for name, blob in _manifest(folder / "manifests" / f"{sha}.json").items():
        path = folder / "blobs" / blob
        if _NAME.fullmatch(blob) and path.is_file():
            found[name] = path.read_bytes()
    return found


def _manifest(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} is no code snapshot's name.")
    return name


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by this user only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    partial.replace(path)
