"""Schedules and their entries in EventBridge Scheduler (moto), kept in step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from mrq import testing
from mrq.app import get_app
from mrq_lambda import mirror, scheduler
from mrq_lambda.aws import client as clients
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mrq.app import App
    from mrq.testing import MemoryApp

GROUP, ROLE, WORK = "mrq", "arn:aws:iam::123456789012:role/tick", "support.bursttasks.work"
SETTINGS = {"eventbridge_role": ROLE, "eventbridge_group": GROUP}


@pytest.fixture
def entries(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3

    def invocation(work: Callable[[App], Any], _context: Any) -> Any:
        return work(get_app())

    monkeypatch.setattr(scheduler.sandbox, "invocation", invocation)
    client = boto3.client("scheduler")
    client.create_schedule_group(Name=GROUP)
    _forget()
    yield client
    _forget()


def _forget() -> None:
    clients.cache_clear()


def tick() -> dict[str, Any]:
    return scheduler.handler({}, FakeContext())


def expressions(client: Any) -> list[str]:
    names = [each["Name"] for each in client.list_schedules(GroupName=GROUP)["Schedules"]]
    return sorted(client.get_schedule(GroupName=GROUP, Name=name)["ScheduleExpression"] for name in names)


def nexts(app: App) -> list[str]:
    """The expressions that are right."""
    found = []
    for state in app.schedules.page(0, 100):
        assert state.next is not None
        up = state.next.replace(microsecond=0) + timedelta(seconds=bool(state.next.microsecond))
        found.append(f"at({up:%Y-%m-%dT%H:%M:%S})")
    return sorted(found)


def with_schedules(**settings: Any) -> Any:
    later = (datetime.now(ZoneInfo("Europe/Paris")).hour + 12) % 24  # not while a test runs
    every = [
        {"path": WORK, "params": {"key": "x"}, "interval": 600},
        {"path": WORK, "params": {"key": "y"}, "cron": f"30 {later} * * *", "timezone": "Europe/Paris"},
    ]
    return testing.memory_app(scheduler_tasks=every, **settings)


def test_each_schedule_has_one_entry_for_its_next_time_which_invokes_the_scheduler(entries: Any) -> None:
    with with_schedules(**SETTINGS) as app:
        assert tick()["mirror"] == {"made": 2, "deleted": 0}
        assert expressions(entries) == nexts(app)
        assert tick()["mirror"] == {"made": 0, "deleted": 0}
    (name, *_) = [each["Name"] for each in entries.list_schedules(GroupName=GROUP)["Schedules"]]
    entry = entries.get_schedule(GroupName=GROUP, Name=name)
    assert (entry["Target"]["Arn"], entry["Target"]["RoleArn"]) == (FakeContext.invoked_function_arn, ROLE)
    assert (entry["ActionAfterCompletion"], entry["FlexibleTimeWindow"]) == ("DELETE", {"Mode": "OFF"})
    assert entry["ScheduleExpressionTimezone"] == "UTC"


def test_when_its_time_has_come_the_entry_of_the_next_one_replaces_it(entries: Any) -> None:
    with with_schedules(**SETTINGS) as app:
        tick()
        before = expressions(entries)
        app.clock.pass_by(601)
        told = tick()
        assert (told["queued"], told["mirror"]) == (1, {"made": 1, "deleted": 1})
        assert expressions(entries) == nexts(app) != before


def test_paused_and_removed_schedules_have_none(entries: Any) -> None:
    with with_schedules(**SETTINGS) as app:
        tick()
        one, other = app.schedules.page(0, 10)
        app.schedules.pause(one.id, paused=True, now=app.clock.now())
        assert tick()["mirror"] == {"made": 0, "deleted": 1}
        app.schedules.pause(one.id, paused=False, now=app.clock.now())
        assert tick()["mirror"]["made"] == 1
        app.schedules.remove(other.id)
        assert mirror.mirror(app, "arn") == {"made": 0, "deleted": 1}
        assert len(expressions(entries)) == 1


def test_entries_of_others_are_left_alone_and_a_time_that_has_passed_comes_soon(entries: Any) -> None:
    target = {"Arn": "arn:aws:lambda:eu-west-1:1:function:f", "RoleArn": ROLE}
    about = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, "GroupName": GROUP}
    entries.create_schedule(Name="theirs", ScheduleExpression="rate(1 day)", **about)
    with with_schedules(**SETTINGS) as app:
        app.scheduler().sync(app.configured_schedules(), app.clock.now())
        app.clock.pass_by(601)
        soonest = (app.clock.now() + mirror.SOON).replace(microsecond=0)
        mirror.mirror(app, "arn")  # nobody has ticked since, and nothing was mirrored in time
        (first, *_) = (one for one in expressions(entries) if one.startswith("at("))
        assert datetime.strptime(first, "at(%Y-%m-%dT%H:%M:%S)") >= soonest
        assert "rate(1 day)" in expressions(entries)


def test_two_that_mirror_at_once_do_no_harm(entries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with with_schedules(**SETTINGS) as app:
        monkeypatch.setattr(mirror, "_names", lambda *_: {"mrq-gone-1"})
        app.scheduler().sync(app.configured_schedules(), app.clock.now())
        assert mirror.mirror(app, "arn") == {"made": 2, "deleted": 0}
        assert mirror.mirror(app, "arn") == {"made": 0, "deleted": 0}


class Refusing:
    """A Scheduler that has no such group, as AWS says it (moto does otherwise)."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_schedule(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no group"}}, "CreateSchedule")


def test_a_group_that_is_not_there_is_an_error(entries: Any) -> None:
    with with_schedules(**SETTINGS) as app:
        app.scheduler().sync(app.configured_schedules(), app.clock.now())
        with pytest.raises(ClientError, match="no group"):
            mirror.mirror(app, "arn", lambda _: Refusing(entries))


def test_where_it_can_not_be_done_the_tick_is_done_all_the_same(entries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "ListSchedules")

    monkeypatch.setattr(mirror, "_names", refused)
    with with_schedules(**SETTINGS):
        told = tick()
    assert told["queued"] == 1
    assert "not you" in told["mirror"]


def test_it_is_off_unless_there_is_a_role(entries: Any) -> None:
    with with_schedules():
        assert "mirror" not in tick()
    assert expressions(entries) == []


def test_there_may_be_several_pages(entries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "PAGE", 1)
    app: MemoryApp
    with with_schedules(**SETTINGS) as app:
        assert tick()["mirror"] == {"made": 2, "deleted": 0}
        assert expressions(entries) == nexts(app)
