"""The page, if it is built: its own files, and the same document for each of its addresses."""

from __future__ import annotations

import html
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from mrq_dashboard.errors import RefusedError

router = APIRouter(include_in_schema=False)

DIST = Path(__file__).parents[1] / "static" / "dist"
PAGES = frozenset(
    {"jobs", "queues", "failures", "workers", "schedules", "tasks", "io", "profiles", "audit", "settings", "login",
     "operations"}
)  # fmt: skip
YEAR = "public, max-age=31536000, immutable"

NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>MRQ dashboard</title></head>
<body><h1>The dashboard's page is not built</h1>
<p>The API works: <a href="{base}api/v1/openapi.json">its description</a>, <a href="{base}api/v1/overview">the
overview</a>. The wheel of mrq-cloud has the page in it. In a checkout <code>make ui</code> builds it.
</p></body></html>
"""


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page to show, and no program for data."""
    return "text/html" in request.headers.get("accept", "")


@router.get("/")
def get_page(request: Request) -> Response:
    """The page."""
    return page(request)


def page(request: Request) -> HTMLResponse:
    """The page's document, with the address under which the dashboard is shown as its base."""
    base = html.escape(f"{request.scope.get('root_path') or ''}/", quote=True)
    index = DIST / "index.html"
    if not index.is_file():
        return HTMLResponse(NOT_BUILT.format(base=base))
    text = index.read_text(encoding="utf-8")
    return HTMLResponse(text.replace("<head>", f'<head><base href="{base}">', 1))


@router.get("/assets/{name:path}")
def get_asset(name: str) -> Response:
    """A file of the page. Names hold a hash of the contents, so they may be kept."""
    folder = DIST / "assets"
    try:
        path = (folder / name).resolve()
        found = path.is_relative_to(folder.resolve()) and path.is_file()
    except (ValueError, OSError):  # no file can have such a name
        found = False
    if not found:
        raise RefusedError(404, "not_found", "there is no such file")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=kind, headers={"cache-control": YEAR})


@router.get("/{path:path}")
def get_page_at(request: Request, path: str) -> Response:
    """The same document for each address of the page: it reads the address itself."""
    if path.partition("/")[0] in PAGES and wants_page(request):
        return page(request)
    raise RefusedError(404, "not_found", "there is nothing at this address")
