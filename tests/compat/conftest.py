"""One site for the session, one worker that most cases share, and a client in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import Site, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat.kit import CompatWorker
    from support.servers import Servers

SHARED_QUEUES = ("high", "case/", "default", "low")
RAW_QUEUES = ("compat_raw", "compat_set", "compat_sorted_set", "compat_timed_set", "beside/")


@pytest.fixture(scope="session")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The servers, and where to find them."""
    from urllib.parse import urlsplit

    with servers.database() as url, servers.prefix() as prefix:
        database = servers.mongodb[urlsplit(url).path.lstrip("/")]
        yield Site(url, servers.redis_url, prefix, database, servers.redis, tmp_path_factory.mktemp("compat"))


@pytest.fixture(scope="session")
def worker(site: Site) -> Iterator[CompatWorker]:
    """A worker that all cases may use which don't stop it: ten jobs at a time, of queues `case/...` and others."""
    flags = ("--greenlets", "10", "--report_interval", "1", "--paused_queues_refresh_interval", "0.1")
    with site.worker(*SHARED_QUEUES, flags=flags) as worker:
        yield worker


@pytest.fixture(scope="session")
def raw_worker(site: Site) -> Iterator[CompatWorker]:
    """As `worker`, of raw queues, and of queues `beside/...`: what `case/...` is for must come to `worker` alone."""
    with site.worker(*RAW_QUEUES, flags=("--greenlets", "5", "--report_interval", "1")) as worker:
        yield worker


@pytest.fixture(autouse=True)
def client(site: Site) -> Iterator[dict[str, Any]]:
    """This process is a client of the site; its configuration."""
    from mrq.app import get_app, use_app
    from mrq.context import set_current_config

    config = site.client_config()
    set_current_config(config)
    first = get_app()
    yield config
    last = get_app()  # cases may set another configuration
    use_app(None)
    for app in {first, last}:
        app.close()


@pytest.fixture
def queue() -> str:
    """A queue of the case's own, which the shared worker serves."""
    return f"case/{token()}"


@pytest.fixture
def own() -> str:
    """A queue of the case's own that nobody serves, for a worker of its own or none."""
    return f"own-{token()}"
