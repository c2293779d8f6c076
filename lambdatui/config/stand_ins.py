"""Folders of ours that stand for layers of others."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "layers"


def shown(layer: str) -> str:
    """A layer's folder as people are told of it; one of ours is no place for them to look."""
    path = Path(layer)
    return f"{path.name} (lambdatui's)" if path.is_relative_to(FOLDER) else layer
