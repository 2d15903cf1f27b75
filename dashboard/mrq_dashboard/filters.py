"""From the words of a request to a filter of jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mrq.app import App
from mrq.domain.jobfilter import JobFilter
from mrq.domain.joblist import JobQuery, Pattern
from mrq.domain.status import Status
from mrq.job_bulk import make_filter
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.identity import Principal
from mrq_dashboard.shown import Shower

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]
Texts = Annotated[list[Text], Field(max_length=100)]
DEEPEST = 10
_FIRST, _LAST = datetime(1970, 1, 2), datetime(2100, 1, 1)  # noqa: DTZ001 - naive and in UTC, as all times here


class JobFilterModel(BaseModel):
    """Which jobs. What is left out is not looked at; of several values of one field a job has to have one."""

    model_config = ConfigDict(extra="forbid")

    id: Texts = Field(default=[], description="Ids of jobs")
    status: Annotated[list[Status], Field(max_length=20)] = Field(default=[], description="Statuses")
    queue: Texts = Field(default=[], description="Queues; `q/` means all subqueues of q; one text may have `*` in it")
    task: Texts = Field(default=[], description="Paths of tasks; one text may have `*` in it")
    worker: Texts = Field(default=[], description="Ids of workers in whose name they ran")
    exceptiontype: Texts = Field(default=[], description="Class names of exceptions; one text may have `*` in it")
    fingerprint: Texts = Field(default=[], description="Groups of failures that their last runs are in")
    params: str | None = Field(
        default=None, max_length=10_000, description='JSON of params that a job must have: `{"user.id": 7}`'
    )
    since: datetime | None = Field(default=None, description="Made at this time or later; UTC if it has no time zone")
    until: datetime | None = Field(default=None, description="Made before this time")


class _Reader:
    """Reads one filter for somebody."""

    def __init__(self, app: App, who: Principal, shower: Shower) -> None:
        self._app = app
        self._who = who
        self._shower = shower

    def query(self, given: JobFilterModel) -> JobQuery:
        like, plain = {}, {}
        for name, pattern in (
            ("task", Pattern.PATH), ("queue", Pattern.QUEUE), ("exceptiontype", Pattern.EXCEPTIONTYPE),
        ):  # fmt: skip
            values: list[str] = getattr(given, name)
            if any("*" in value for value in values):
                if len(values) > 1:
                    raise RefusedError(422, "invalid", f"{name}: a text with * stands alone")
                like[pattern], values = values[0], []
            plain[name] = values or None
        which = make_filter(
            self._app, ids=given.id or None, queue=self._scoped(plain["queue"]), status=given.status or None,
            worker=given.worker or None, path=plain["task"], exceptiontype=plain["exceptiontype"],
            fingerprint=given.fingerprint or None,
            params=self._params(given.params),
        )  # fmt: skip
        return JobQuery(self._in_time(which, given), like)

    def _scoped(self, queues: list[str] | None) -> list[str] | None:
        if queues is None:
            return None if self._who.queues is None else list(self._who.queues)
        for queue in queues:
            if not self._who.sees(queue):
                raise RefusedError(403, "scope", f"the queue {queue!r} is not among those of {self._who.name}")
        return queues

    def _in_time(self, which: JobFilter, given: JobFilterModel) -> JobFilter:
        first_id = self._app.job_lists.first_id
        if given.since is not None:
            which = replace(which, after=first_id(_moment(given.since)))
        if given.until is not None:
            which = replace(which, until=first_id(_moment(given.until)))
        return which

    def _params(self, text: str | None) -> Mapping[str, Any]:
        if not text:
            return {}
        try:
            wanted = json.loads(text)
        except (ValueError, RecursionError):
            raise RefusedError(422, "invalid", 'params should be JSON such as {"user.id": 7}') from None
        if not isinstance(wanted, dict) or not is_storable(wanted):
            raise RefusedError(422, "invalid", "params should be a JSON object of values that a job can have")
        for name in wanted:
            if any(not step or step.startswith("$") for step in name.split(".")):
                raise RefusedError(422, "invalid", f"params: {name!r} is no name of a param")
            if any(self._shower.is_secret(step) for step in name.split(".")):
                raise RefusedError(403, "secret", f"params: {name!r} is hidden, so it can't be looked for")
        return wanted


def query_of(app: App, who: Principal, shower: Shower, given: JobFilterModel) -> JobQuery:
    """The jobs that somebody means, of those that he may see.

    Raises:
        RefusedError, InvalidJobIdError, InvalidParamsError: it can't be looked for, or not by him.
    """
    return _Reader(app, who, shower).query(given)


def filter_for_action(app: App, who: Principal, shower: Shower, given: JobFilterModel) -> JobFilter:
    """The same for bulk actions, which know no `*`."""
    query = query_of(app, who, shower, given)
    if query.like:
        raise RefusedError(422, "invalid", "a bulk action needs whole names; texts with * are for lists only")
    return query.which


def is_storable(value: Any, depth: int = 0) -> bool:
    """Whether the database can compare with a value."""
    if depth > DEEPEST:
        return False
    if isinstance(value, dict):
        return all("\0" not in key and is_text(key) and is_storable(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return all(is_storable(item, depth + 1) for item in value)
    if isinstance(value, str):
        return is_text(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def is_text(text: str) -> bool:
    """Whether it is text that can be sent: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def in_range(given: datetime | None) -> datetime | None:
    """A time of a request (naive, UTC), not before or after what can be asked for."""
    return None if given is None else _moment(given)


def _moment(given: datetime) -> datetime:
    if given.tzinfo is not None:
        try:
            given = given.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            given = given.replace(tzinfo=None)
    return min(max(given, _FIRST), _LAST)
