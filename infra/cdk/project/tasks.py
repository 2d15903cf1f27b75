"""Tasks of your own go here, or anywhere in this folder."""

from __future__ import annotations

from mrq.task import task


@task(burst_limit=10)
def greet(name: str) -> str:
    """Says hello: queue it from the dashboard."""
    return f"Hello {name}"
