"""Profiles of workers: where their time went, as a tree for flame graphs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq.domain.profile import Profile
from mrq.workers import profile as profile_of
from mrq.workers import profiles as newest_profiles
from mrq_dashboard.access import Viewer, check_everything
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.flames import flames_of
from mrq_dashboard.routes.jobs import JobId
from mrq_dashboard.shown import storable, utc

router = APIRouter(tags=["profiles"])

MOST_TASKS = 50


class TaskShare(BaseModel):
    """How often a task was seen at work."""

    task: str
    samples: int


class ProfileModel(BaseModel):
    """A profile of a worker."""

    id: str
    worker: str
    started: datetime | None
    seconds: float
    samples: int
    tasks: list[TaskShare] = Field(description="most seen first")


class ProfileList(BaseModel):
    """Profiles, newest first; they are kept for a week."""

    profiles: list[ProfileModel]


class FlameModel(BaseModel):
    """A function that was called by its parent."""

    name: str
    parent: int = Field(description="place of its caller in the list, which comes before it; -1: none, it is a task")
    samples: int = Field(description="how often it was seen, itself or in what it called")


class ProfileDetail(ProfileModel):
    """A profile, whole."""

    flames: list[FlameModel]
    hidden: int = Field(description="calls that were seen too seldom to be shown")


@router.get("/profiles")
def list_profiles(
    who: Viewer,
    worker: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> ProfileList:
    """The newest profiles, of one worker or of all. `POST /workers/{worker_id}/orders` makes one."""
    check_everything(who)
    return ProfileList(profiles=[_model(each) for each in newest_profiles(worker, limit)])


@router.get("/profiles/{profile_id}")
def get_profile(who: Viewer, profile_id: JobId) -> ProfileDetail:
    """One profile, as a tree of calls."""
    check_everything(who)
    found = profile_of(profile_id)
    if found is None:
        raise RefusedError(404, "not_found", f"there is no profile {profile_id}; they are kept for a week")
    flames, hidden = flames_of(found.stacks)
    shown = [FlameModel(name=storable(each.name), parent=each.parent, samples=each.samples) for each in flames]
    return ProfileDetail(**_model(found).model_dump(), flames=shown, hidden=hidden)


def _model(found: Profile) -> ProfileModel:
    tasks = list(found.by_task().items())[:MOST_TASKS]
    return ProfileModel(
        id=str(found.id),
        worker=str(found.worker),
        started=utc(found.started),
        seconds=found.seconds,
        samples=found.samples,
        tasks=[TaskShare(task=storable(task), samples=samples) for task, samples in tasks],
    )
