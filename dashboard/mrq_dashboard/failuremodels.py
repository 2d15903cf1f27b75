"""What the API answers of failures. Times are in UTC."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class FailureGroup(BaseModel):
    """Jobs of one task whose last run failed in the same way."""

    fingerprint: str
    task: str
    exceptiontype: str
    jobs: int
    exact: bool = Field(description="whether these are all its jobs; else there are more")
    first: datetime | None = Field(
        description="when a job failed so for the first time, whatever became of it; for those who see single "
        "queues: when the oldest job that they see did"
    )
    last: datetime | None
    new: bool | None = Field(description="whether it was seen first after the last deploy mark; null: not known")
    trend: list[int | None] = Field(
        description="how many failed in each of the last 24 hours, oldest first; null: no longer looked at, of a group "
        "with very many"
    )
    example: str
    message: str = Field(description="of the example")


class Failures(BaseModel):
    """The newest failures, in groups: those that are new since the last deploy first, then the most frequent."""

    groups: list[FailureGroup]
    looked_at: int = Field(description="jobs in these groups")
    complete: bool = Field(description="whether these are all failures that there are")


class SharedParam(BaseModel):
    """A value of a param that most jobs of a group have."""

    name: str
    value: str | int | float | bool | None
    members: float = Field(description="the share of the group's jobs that have it, 0 to 1")
    others: float | None = Field(description="the share of all jobs of the task; null: not known")


class FailureDetails(BaseModel):
    """One group of failures."""

    group: FailureGroup
    compared: int = Field(description="jobs of the group that were looked at")
    shared: list[SharedParam] = Field(description="what they share and others of the task don't, most telling first")
