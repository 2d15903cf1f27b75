"""Dashboards: on real servers, and on stores in memory where nothing depends on them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from support.dashboards import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi.testclient import TestClient

    from mrq.app import App


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    """An open dashboard on real servers."""
    with client_of(app) as client:
        yield client


@pytest.fixture
def memory_client(memory_app: App) -> Iterator[TestClient]:
    """An open dashboard on stores in memory."""
    with client_of(memory_app) as client:
        yield client


@pytest.fixture
def dashboard() -> Iterator[Callable[..., TestClient]]:
    """Makes dashboards in memory with settings of their own; the last one's app is the current one."""
    from mrq.testing import memory_app

    with ExitStack() as stack:

        def made(*, local_only: bool = False, background: bool = False, **settings: Any) -> TestClient:
            app = stack.enter_context(memory_app(**settings))
            return stack.enter_context(client_of(app, local_only=local_only, background=background))

        yield made
