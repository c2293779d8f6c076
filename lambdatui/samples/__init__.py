"""Sample events, one JSON file for each type in a folder for each service. Data; nothing else is here."""

from __future__ import annotations

from importlib import resources


def names() -> dict[str, list[str]]:
    """Types by service, both in alphabetical order."""
    folders = [entry for entry in resources.files(__name__).iterdir() if entry.is_dir()]
    found = {
        folder.name: sorted(file.name.removesuffix(".json") for file in folder.iterdir() if file.name.endswith(".json"))
        for folder in folders
    }
    return {name: found[name] for name in sorted(found) if found[name]}


def text(service: str, kind: str) -> str:
    """The event's JSON text without a final newline. Raises KeyError for one that `names` does not list."""
    if kind not in names().get(service, ()):
        raise KeyError(f"{service} {kind}")
    return resources.files(__name__).joinpath(service, f"{kind}.json").read_text("utf-8").rstrip("\n")
