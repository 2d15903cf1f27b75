"""Fixtures for every test: real servers once a session, and a place of its own on them for each test."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from mrq.app import App, use_app

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from support.servers import Servers

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Reports travel between the processes of a run as UTF-8; some tests log what no encoding can hold."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own last line: tests that this machine could not run for want of a browser or the page."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    reports = [report for report in reporter.stats.get("skipped", []) if "tests/browser/" in report.nodeid]
    if reports:
        _, _, reason = reports[0].longrepr
        counts = ", ".join(f"{len(found)} {name}" for name in ("failed", "error", "passed", "skipped")
                           if (found := reporter.stats.get(name)))  # fmt: skip
        reporter.write_line(f"{counts}; not run: {len(reports)} {reason.removeprefix('Skipped: ')}")


@pytest.fixture(autouse=True)
def no_traces() -> Iterator[None]:
    """What a command sets up for its whole process, and a config file that was loaded, end with the test."""
    loggers = [logging.getLogger(), logging.getLogger("mrq")]
    before = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
    sys.modules.pop("mrq-config", None)


@pytest.fixture(autouse=True)
def only_what_documentdb_offers() -> Iterator[None]:
    """MRQ asks nothing of MongoDB that Amazon DocumentDB doesn't have."""
    yield
    module = sys.modules.get("support.documentdb")  # loaded with the servers, before any client is made
    noted = module.LISTENER.take() if module else []
    assert not noted, "Amazon DocumentDB has not:\n" + "\n".join(dict.fromkeys(noted))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """MongoDB and Redis: those of MRQ_TEST_MONGODB and MRQ_TEST_REDIS, else embedded ones."""
    from support.servers import running_servers  # drivers are loaded only for tests that need them

    with running_servers() as running:
        yield running


@pytest.fixture
def mongodb_url(servers: Servers) -> Iterator[str]:
    """The url of an empty database that is the test's own."""
    with servers.database() as url:
        yield url


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """The url of a Redis that is shared: keys go under `redis_prefix`."""
    return servers.redis_url


@pytest.fixture(scope="session")
def redis_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The rediss:// url of a Redis in cluster mode, as ElastiCache serverless is."""
    from support.rediscluster import running_cluster

    with running_cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


@pytest.fixture
def redis_prefix(servers: Servers) -> Iterator[str]:
    """A prefix under which the test's own keys are."""
    with servers.prefix() as prefix:
        yield prefix


@pytest.fixture
def app(mongodb_url: str, redis_url: str, redis_prefix: str) -> Iterator[App]:
    """The current app, on real servers, with its indexes."""
    config = {"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": redis_prefix}
    app = App(config)
    app.jobs.ensure_indexes()
    app.workers.ensure_indexes()
    use_app(app)
    try:
        yield app
    finally:
        use_app(None)
        app.close()


@pytest.fixture
def memory_app() -> Iterator[App]:
    """The current app, with every store in memory."""
    from mrq import testing

    with testing.memory_app() as app:
        yield app
