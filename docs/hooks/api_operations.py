"""Puts the operations of the dashboard's API where a page says `<!-- operations -->`, from its own description."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from mrq_dashboard.openapi import description

MARK = "<!-- operations -->"
METHODS = ("get", "post", "put", "delete")


def on_page_markdown(markdown: str, **_kwargs: Any) -> str:
    """Called by MkDocs for each page."""
    return markdown.replace(MARK, operations_tables()) if MARK in markdown else markdown


@cache
def operations_tables() -> str:
    """One table a subject, in Markdown."""
    subjects: dict[str, list[str]] = {}
    for path, methods in json.loads(description())["paths"].items():
        for method in METHODS:
            if method in methods:
                about = methods[method]
                meaning = " ".join(about.get("description", "").split()).replace("|", "\\|")
                row = f"| `{method.upper()} {path}` | {meaning} |"
                subjects.setdefault(about.get("tags", ["others"])[0], []).append(row)
    parts: list[str] = []
    for subject, rows in subjects.items():
        parts += [f"### {subject.capitalize()}", "", "| Operation | What it does |", "|---|---|", *rows, ""]
    return "\n".join(parts)
