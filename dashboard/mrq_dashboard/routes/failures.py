"""Failures in groups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from mrq_dashboard.access import Viewer
from mrq_dashboard.failuremodels import FailureDetails, Failures
from mrq_dashboard.failures import failure_details, failure_groups
from mrq_dashboard.services import Given

Fingerprint = Annotated[str, Path(min_length=1, max_length=64)]

router = APIRouter(tags=["failures"])


@router.get("/failures")
def list_failures(given: Given, who: Viewer) -> Failures:
    """Jobs whose last run failed, in groups of the same failure: those of the newest failures."""
    return failure_groups(given, who)


@router.get("/failures/{fingerprint}")
def show_failure(given: Given, who: Viewer, fingerprint: Fingerprint) -> FailureDetails:
    """One group, and what the params of its jobs share."""
    return failure_details(given, who, fingerprint)
