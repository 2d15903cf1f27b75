"""Failures in groups."""

from __future__ import annotations

from fastapi import APIRouter

from mrq_dashboard.access import Viewer
from mrq_dashboard.failures import failure_groups
from mrq_dashboard.models import Failures
from mrq_dashboard.services import Given

router = APIRouter(tags=["failures"])


@router.get("/failures")
def list_failures(given: Given, who: Viewer) -> Failures:
    """The newest failures by task and kind of exception."""
    return failure_groups(given, who)
