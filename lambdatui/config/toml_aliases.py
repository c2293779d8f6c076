"""`[functions.NAME.aliases.ALIAS]` of lambdatui.toml."""

from __future__ import annotations

import re

from lambdatui.config.declared import Declared
from lambdatui.config.model import AliasConfig
from lambdatui.config.settings import ALIAS_NAME, MAX_PROVISIONED, UNPUBLISHED
from lambdatui.config.toml_table import Table

KEYS = ("version", "weights", "provisioned_concurrency", "description")


def declare_aliases(into: Declared, function: str, table: Table) -> None:
    """Add the table's aliases to the function; one that it has already gets what is said of it here."""
    if "aliases" not in table:
        return
    tables = table.table("aliases")
    aliases = {alias.name: alias for alias in into.functions[function].published_aliases}
    for name in tables.values:
        alias = tables.table(name)
        alias.only(KEYS)
        if not ALIAS_NAME.fullmatch(name) or len(name) > 128:
            alias.warn(
                None, f"{name[:140]!r} cannot be an alias", "Rename it: letters, digits, - and _, not digits alone."
            )
            continue
        old = aliases.get(name, AliasConfig(name=name))
        version = _version(alias) or old.version
        provisioned = alias.integer("provisioned_concurrency", 1, MAX_PROVISIONED) or old.provisioned_concurrency
        if provisioned is not None and version == "$LATEST":
            alias.warn("provisioned_concurrency", UNPUBLISHED, "Let the alias name a version, or leave it out.")
            provisioned = None
        aliases[name] = AliasConfig(
            name=name,
            version=version,
            weights=_weights(alias) if "weights" in alias else old.weights,
            provisioned_concurrency=provisioned,
            description=alias.text("description") or old.description,
        )
    into.update_function(function, published_aliases=tuple(aliases.values()))


def _version(alias: Table) -> str | None:
    written = alias.values.get("version")
    version = str(written) if isinstance(written, int) else alias.text("version")
    if version is None or re.fullmatch(r"\$LATEST|[0-9]{1,18}", version):
        return version
    alias.warn("version", f"{version[:100]!r} is no version", 'Write version = "3"; without it the newest is meant.')
    return None


def _weights(alias: Table) -> dict[str, float]:
    """`{ 3 = 0.1 }`: a tenth of the calls reach version 3."""
    weights = alias.table("weights")
    found = {version: weights.number(version, 0, 1) for version in weights.values if version.isdecimal()}
    if len(found) != 1 or len(weights.values) != 1:
        alias.warn("weights", "weights names one more version and its share", "Write weights = { 3 = 0.1 }.")
    return {version: weight for version, weight in list(found.items())[:1] if weight is not None}
