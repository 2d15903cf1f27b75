"""Failed jobs in groups, as far as somebody may see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mrq import stats
from mrq.domain.sharedparams import SharedParam as Shared
from mrq.domain.sharedparams import shared_params
from mrq.failures import COMPARED
from mrq.ports.failures import FailedJob
from mrq.ports.failures import FailureGroup as Group
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.failuremodels import FailureDetails, FailureGroup, Failures, SharedParam
from mrq_dashboard.identity import Principal
from mrq_dashboard.services import Services
from mrq_dashboard.shown import storable, utc

MOST_GROUPS = 50
TREND, HOUR = 24, timedelta(hours=1)
MOST_TIMES = 500  # failures of a group whose hours are looked at
LONGEST = 500  # characters of a name or a value that jobs share


def failure_groups(given: Services, who: Principal, most: int = MOST_GROUPS) -> Failures:
    """The groups that failed last: the new ones first, then the most frequent."""
    newest = given.mrq.failures.groups(most + 1)
    seen = [
        (group, jobs) for group, jobs in (_visible(given, who, each) for each in newest[:most]) if group is not None
    ]
    deploy = _last_deploy(who) if seen else None
    groups = [_model(given, group, deploy, jobs) for group, jobs in seen]
    groups.sort(key=lambda group: (not group.new, -group.jobs))
    return Failures(
        groups=groups,
        looked_at=sum(group.jobs for group in groups),
        complete=len(newest) <= most and all(group.exact for group in groups),
    )


def failure_details(given: Services, who: Principal, fingerprint: str) -> FailureDetails:
    """One group, and what its jobs share. Raises RefusedError: there is none, or he may not see it."""
    found = given.mrq.failures.group(fingerprint)
    group, members = (None, []) if found is None else _visible(given, who, found)
    if group is None:
        raise RefusedError(404, "not_found", f"no job is in the group {fingerprint!r} now")
    model = _model(given, group, _last_deploy(who), members)
    members = members or given.mrq.failures.members(fingerprint, COMPARED)
    # what jobs of other queues have is not for those who may not see them
    others = given.mrq.failures.others(group.path, COMPARED) if who.queues is None else []
    shared = shared_params([job.params for job in members], others)
    return FailureDetails(
        group=model,
        compared=len(members),
        shared=[_shared(given, each) for each in shared if not any(map(given.shower.is_secret, each.name.split(".")))],
    )


def _trend(times: Sequence[datetime], most: int, now: datetime) -> list[int | None]:
    """How many failed in each of the last hours, oldest first. `times`: when, newest first, of `most` at most."""
    hours = Counter(max(0, (now - failed) // HOUR) for failed in times)  # a worker's clock may be ahead
    known = TREND if len(times) < most else max(hours) + 1
    return [hours[ago] if ago < known else None for ago in reversed(range(TREND))]


def _visible(given: Services, who: Principal, group: Group) -> tuple[Group | None, Sequence[FailedJob]]:
    """A group as somebody with some queues only sees it: by its newest members. For others it is as it is."""
    if who.queues is None:
        return group, []
    newest = given.mrq.failures.members(group.fingerprint, COMPARED)
    seen = [job for job in newest if who.sees(job.queue)]
    if not seen:
        return None, []
    exact = group.exact and len(newest) < COMPARED
    return replace(
        group, jobs=len(seen), exact=exact, first=seen[-1].failed, last=seen[0].failed, example=seen[0].id,
        message=seen[0].message,
    ), seen  # fmt: skip


def _last_deploy(who: Principal) -> datetime | None:
    """None as well for those who see single queues: to them a failure may seem new that others have had before."""
    if who.queues is not None:
        return None
    last = stats.last_deploy()
    return None if last is None else last.at


def _model(given: Services, group: Group, deploy: datetime | None, members: Sequence[FailedJob]) -> FailureGroup:
    """`members`: those that are looked at, where these are not all of the group."""
    now = given.mrq.clock.now()
    if members:
        most = COMPARED if group.exact else len(members)  # before the oldest of them nobody has looked
        trend = _trend([job.failed for job in members], most, now)
    else:
        trend = _trend(given.mrq.failures.times(group.fingerprint, now - TREND * HOUR, MOST_TIMES), MOST_TIMES, now)
    return FailureGroup(
        fingerprint=group.fingerprint,
        task=storable(group.path),
        exceptiontype=storable(group.exceptiontype),
        jobs=group.jobs,
        exact=group.exact,
        first=utc(group.first),
        last=utc(group.last),
        new=group.is_new(deploy),
        trend=trend,
        example=str(group.example),
        message=given.shower.text(group.message, 500),
    )


def _shared(given: Services, param: Shared) -> SharedParam:
    value = given.shower.text(param.value, LONGEST) if isinstance(param.value, str) else given.shower.value(param.value)
    return SharedParam(name=storable(param.name)[:LONGEST], value=value, members=param.members, others=param.others)
