"""Puts the tables of all settings where a page says `<!-- settings -->`, from their one definition in mrq.settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from mrq.settings import OPTIONS
from mrq.settings.option import Group, long_time

if TYPE_CHECKING:
    from mrq.settings import Option

MARK = "<!-- settings -->"

KINDS = {"words": "names", "server": "URL", "bool": "on or off", "str": "text", "dict": "dict", "list": "list"}


def on_page_markdown(markdown: str, **_kwargs: Any) -> str:
    """Called by MkDocs for each page."""
    return markdown.replace(MARK, settings_tables()) if MARK in markdown else markdown


def settings_tables() -> str:
    """One table a group, in Markdown."""
    parts: list[str] = []
    for group in get_args(Group):
        rows = [row(about) for about in OPTIONS.values() if about.group == group]
        if rows:
            head = ["| Setting | Type | Default | Flag of | What it does |", "|---|---|---|---|---|"]
            parts += [f"### {group}", "", *head, *rows, ""]
    return "\n".join(parts)


def row(about: Option) -> str:
    """One setting."""
    names = f"`{about.key}`" + "".join(f"<br>`{alias}`" for alias in about.aliases)
    cells = (names, KINDS.get(about.kind, about.kind), default(about), commands(about), meaning(about))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def default(about: Option) -> str:
    """The default with its unit."""
    if about.default_text:
        return about.default_text
    if about.kind == "bool":
        return "on" if about.default else "off"
    if about.default in (None, "", {}, []):
        return ""
    if about.kind == "words":
        return f"`{' '.join(about.default)}`"
    value = f"{about.default:.15g}" if about.kind == "float" else str(about.default)
    if not about.default:
        return f"`{value}`"
    words = long_time(about)
    return f"`{value}` {about.unit}".rstrip() + (f" ({words})" if words else "")


def commands(about: Option) -> str:
    """Who has a flag for it."""
    if not about.commands:
        return "none: config file only"
    return "all" if "client" in about.commands else ", ".join(f"mrq-{name}" for name in about.commands)


def meaning(about: Option) -> str:
    """What it is for, and whether it works already."""
    if about.obsolete:
        return f"{about.text}. *No effect: {about.obsolete}.*"
    return f"{about.text}." + (" *Not in this version: accepted, no effect.*" if about.later else "")
