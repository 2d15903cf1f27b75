"""Sites for bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.burstsite import BurstSite
    from support.cloud import Cloud
    from support.lambdafunctions import Functions


@pytest.fixture
def site(mongodb_url: str, redis_url: str, redis_prefix: str, tmp_path: Path) -> Iterator[BurstSite]:
    """Real servers, and sandboxes on them."""
    from support.burstsite import BurstSite

    with BurstSite(mongodb_url, redis_url, tmp_path, redis_prefix) as entered:
        entered.app.ensure_indexes()
        yield entered


@pytest.fixture
def own_logging() -> Iterator[None]:
    """What a handler does to MRQ's loggers is undone."""
    import logging

    ours = logging.getLogger("mrq")
    handlers, level = ours.handlers[:], ours.level
    yield
    ours.handlers[:] = handlers
    ours.setLevel(level)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in memory."""
    import moto

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with moto.mock_aws(config={"lambda": {"use_docker": False}}):
        yield


@pytest.fixture
def cloud(aws: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """What worker groups need of it."""
    from support.cloud import Cloud

    return Cloud().plug(monkeypatch)


@pytest.fixture
def functions(site: BurstSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    """AWS on a server, whose functions run in sandboxes of the site; producers in this process reach it too."""
    from mrq_lambda import calling
    from support.lambdafunctions import KEYS, Functions, moto_server

    with moto_server() as endpoint:
        environment = {**KEYS, "AWS_DEFAULT_REGION": KEYS["AWS_REGION"], "AWS_ENDPOINT_URL": endpoint}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        calling._client.cache_clear()
        made = Functions(lambda _, configuration: site.sandbox(configuration["Handler"], **environment))
        made.plug(monkeypatch)
        yield made
        made.close()
        calling._client.cache_clear()
