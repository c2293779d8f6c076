"""`?`: what the keys do where the cursor is, made from the bindings themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table as RichTable
from rich.text import Text

from lambdatui.schema import FREE_GB_SECONDS, FREE_REQUESTS, Header
from lambdatui.tui.dialogs import Reader
from lambdatui.tui.keys import display
from lambdatui.tui.text import usd
from lambdatui.tui.widgets.bars import SCREENS
from lambdatui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from lambdatui.tui.main_screen import MainScreen


def help_rows(main: MainScreen) -> list[tuple[str, str, str, str]]:
    """(place, keys, what they do, the id to rebind them by), nearest place first; keys of one action together."""
    rows: dict[tuple[str, str], list[str]] = {}
    told: dict[tuple[str, str], tuple[str, str]] = {}
    titles = {name: title for name, title, _ in SCREENS}
    for active in main.active_bindings.values():
        binding = active.binding
        if not binding.description and not binding.tooltip:
            continue
        if isinstance(active.node, Panel):
            place = active.node.help_name()
        else:
            place = titles[main.page.NAME] if active.node is main.page else "Everywhere"
        if (binding.id or "").startswith("move."):
            place = "Moving"
        if (binding.id or "").startswith("screen."):
            place = "Screens"
        key = (place, binding.action)
        rows.setdefault(key, []).append(display(binding.key))
        told[key] = binding.tooltip or binding.description, binding.id or ""
    places = list(dict.fromkeys(place for place, _ in rows))
    last = [place for place in ("Everywhere", "Screens", "Moving") if place in places]
    ordered = [place for place in places if place not in last] + last
    return [(p, " ".join(keys), *told[p, a]) for want in ordered for (p, a), keys in rows.items() if p == want]


def cost_text(header: Header) -> str:
    """What the header's prices mean; empty where nothing was billed."""
    if not header.cost_usd and header.monthly_usd is None:
        return ""
    run = f"{usd(header.cost_usd)} since the start at list prices"
    if header.monthly_usd is None:
        return run
    free = f"{FREE_REQUESTS:,} requests and {FREE_GB_SECONDS:,} GB-s"
    return f"{run}, {usd(header.monthly_usd)} a month at this rate with the free tier taken off ({free})"


def help_screen(main: MainScreen) -> Reader:
    """The help as a screen to read."""
    table = RichTable.grid(padding=(0, 2))
    table.add_column(width=14, no_wrap=True)
    table.add_column()
    text, before = [], None
    header = main.tui.shown_state.header
    if header is not None:
        for name, address in (("AWS endpoint", header.url), ("HTTP triggers", header.http_url)):
            table.add_row(Text(name, "bold"), Text(address))
            text.append(f"{name}  {address}")
        if cost := cost_text(header):
            table.add_row(Text("Cost", "bold"), Text(cost))
            text.append(f"Cost  {cost}")
        table.add_row("", "")
    for place, keys, told, binding_id in help_rows(main):
        if place != before:
            if before is not None:
                table.add_row("", "")
            table.add_row(Text(place, "bold"), "")
            text.append(place)
        before = place
        table.add_row(Text("  " + keys), Text.assemble(told, (f"  {binding_id}", "dim")))
        text.append(f"  {keys:12} {told}  {binding_id}")
    focused = main.page.focused_panel()
    return Reader(f"Keys   {main.page.NAME} · {focused.help_name() if focused else ''}", table, "\n".join(text))
