"""Shows files of the repository's root as pages: their text stays in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def on_page_markdown(markdown: str, page: Any, **_kwargs: Any) -> str:
    """Called by MkDocs for each page."""
    name = PAGES.get(page.file.src_uri)
    # links from the root into docs/ start elsewhere here
    return (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](") if name else markdown
