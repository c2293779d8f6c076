"""What stands in kept code snapshots, as far as library zygotes ask. Every file is named by its content: each is read
once. Blocking file work.

A snapshot is named by the path of its manifest, DATA/code/manifests/<sha>.json; its sources are DATA/code/blobs/<sha>.
Raises OSError where one has been tidied away.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from lambdatui.engine import libraries
from lambdatui.engine.libraries import Claims, Facts, Manifest


def keeps(before: Manifest, after: str, *, moving: bool) -> bool:
    """As `libraries.keeps`, of sources that were learned from and a snapshot of the same store."""
    blobs = _blobs(after)
    return libraries.keeps(before, _manifest(after), lambda sha: _facts(str(blobs / sha)), moving=moving)


def sources(path: str) -> tuple[Manifest, bool]:
    """The sources of a snapshot, and whether one of them changes where modules are looked for."""
    manifest, blobs = _manifest(path), _blobs(path)
    return manifest, any(_moves_paths(str(blobs / sha)) for sha in set(manifest.values()))


@lru_cache(maxsize=64)
def claims(path: str) -> Claims:
    """The top-level names that a snapshot's sources have."""
    return libraries.claims_of(_manifest(path))


@lru_cache(maxsize=64)
def _manifest(path: str) -> Manifest:
    return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, str])


def _blobs(manifest: str) -> Path:
    return Path(manifest).parents[1] / "blobs"


@lru_cache(maxsize=16_384)
def _moves_paths(path: str) -> bool:
    return libraries.moves_paths(Path(path).read_bytes())


@lru_cache(maxsize=1024)
def _facts(path: str) -> Facts | None:
    """None where there is no such source any more, or it does not parse."""
    try:
        return libraries.facts(Path(path).read_bytes())
    except OSError:
        return None
