"""Tasks that leave every kind of document. Small ones, of which a version before this one may run some too."""

from __future__ import annotations

from typing import Any

from mrq.context import get_current_job, log, retry_current_job
from mrq.task import task


@task(burst_limit=1)
def note(word: str) -> dict[str, Any]:
    """Say a word."""
    log.info("the word is %s", word)
    return {"word": word}


@task(burst_limit=1)
def fail(word: str) -> None:
    """End badly."""
    raise ValueError(f"no such word: {word}")


@task(burst_limit=1)
def again(word: str) -> dict[str, Any]:
    """Come back later, the first time."""
    job = get_current_job()
    if job is not None and not job.data.get("retry_count"):
        retry_current_job(delay=3600)
    return {"word": word}


@task(burst_limit=1)
def parent(word: str) -> str:
    """Queue another."""
    return str(note.queue(f"{word}: this one").id)
