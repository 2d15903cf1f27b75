"""mrq.testing: what a user's own tests stand on."""

from __future__ import annotations

import pytest

from mrq.app import App, use_app
from mrq.domain.status import Status
from mrq.exceptions import ConfigError
from mrq.testing import memory_app, memory_stores, run_jobs
from unit.face import sampletasks


def test_a_retry_is_run_to_its_end_by_moving_the_clock() -> None:
    with memory_app(queues=["default"]) as app:
        job = sampletasks.third_time_lucky.queue("a")
        for delay in (60, 120):
            run_jobs()
            assert job.status() is Status.RETRY
            app.clock.pass_by(delay - 5)
            run_jobs()
            assert job.status() is Status.RETRY
            app.clock.pass_by(5)
        run_jobs()
        assert job.result(timeout=0) == 3


def test_a_mistyped_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="no setting 'default_job_timeot'; did you mean 'default_job_timeout'"):
        memory_app(default_job_timeot=5).__enter__()


def test_settings_of_the_users_own_are_kept() -> None:
    with memory_app(redis_2="redis://elsewhere", shop="ours") as app:
        assert app.config["shop"] == "ours"


def test_jobs_are_not_taken_from_real_servers_by_mistake() -> None:
    app = App({"mongodb_jobs": "mongodb://127.0.0.1:1/none"})
    use_app(app)
    try:
        with pytest.raises(RuntimeError, match=r"outside memory_app\(\), where it would take jobs from real servers"):
            run_jobs()
    finally:
        use_app(None)


def test_an_app_that_is_given_may_be_any() -> None:
    assert run_jobs(app=App({}, stores=memory_stores())).code == 0
