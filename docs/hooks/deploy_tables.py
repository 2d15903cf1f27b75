"""Puts tables on the pages about AWS: what a month costs where a page says `<!-- monthly costs -->`, and the props of a
construct where it says `<!-- props FILE CLASS -->`. They are read from the source, since loading the CDK needs Node."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mrq_cdk.monthly import table

PACKAGE = Path(__file__).parents[2] / "infra/cdk/mrq_cdk"
COSTS = "<!-- monthly costs -->"
PROPS = re.compile(r"<!-- props (\w+) (\w+) -->")
ENTRY = re.compile(r"^ {8}(\w+(?:, \w+)*): (.*)$")


def on_page_markdown(markdown: str, **_kwargs: Any) -> str:
    """Called by MkDocs for each page."""
    if COSTS in markdown:
        markdown = markdown.replace(COSTS, table())
    return PROPS.sub(lambda found: props_table(found[1], found[2]), markdown)


def props_table(module: str, name: str) -> str:
    """The props of a class with their types, defaults and meaning, in Markdown."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    meant = _meanings(ast.get_docstring(found, clean=False) or "")
    lines = ["| Prop | Type | Default | What it is |", "|---|---|---|---|"]
    for field in found.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            cells = [f"`{field.target.id}`", f"`{ast.unparse(field.annotation)}`", _default(field.value)]
            lines.append(
                "| " + " | ".join(cell.replace("|", "\\|") for cell in [*cells, meant[field.target.id]]) + " |"
            )
    return "\n".join(lines)


def _meanings(docstring: str) -> dict[str, str]:
    meant: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("Args:")[2].splitlines():
        if entry := ENTRY.match(line):
            names = entry[1].split(", ")
            meant.update(dict.fromkeys(names, entry[2]))
        elif line.strip():
            for name in names:
                meant[name] += f" {line.strip()}"
    return meant


def _default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    if isinstance(value, ast.Call):
        factory = value.keywords[0].value
        text = ast.unparse(factory.body if isinstance(factory, ast.Lambda) else factory)
        return {"dict": "`{}`"}.get(text, f"`{text}`")
    return f"`{ast.unparse(value)}`"
