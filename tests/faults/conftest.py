"""Servers of these tests' own: only they may be killed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest

from mrq.embedded import EmbeddedReplicaSet, EmbeddedServers
from support.faultsite import FaultSite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def lasting_servers() -> Iterator[EmbeddedServers]:
    """Servers that stay up: for tests in which only workers fail."""
    with EmbeddedServers() as servers:
        yield servers


@pytest.fixture
def site(lasting_servers: EmbeddedServers, tmp_path: Path) -> Iterator[FaultSite]:
    """A database of the test's own on servers that stay up."""
    name = f"mrq_faults_{secrets.token_hex(6)}"
    url = urlunsplit(urlsplit(lasting_servers.mongodb_url)._replace(path=f"/{name}"))
    with FaultSite(url, lasting_servers.redis_url, tmp_path, name) as entered:
        yield entered


@pytest.fixture
def servers_to_kill() -> Iterator[EmbeddedServers]:
    """Servers of one test, which may do anything to them."""
    with EmbeddedServers() as servers:
        yield servers


@pytest.fixture
def fragile_site(servers_to_kill: EmbeddedServers, tmp_path: Path) -> Iterator[FaultSite]:
    """A site on `servers_to_kill`."""
    with FaultSite(servers_to_kill.mongodb_url, servers_to_kill.redis_url, tmp_path, "mrq") as entered:
        yield entered


@pytest.fixture
def replica_set_to_kill() -> Iterator[EmbeddedReplicaSet]:
    """Three members of one test, which may do anything to them."""
    with EmbeddedReplicaSet() as replica_set:
        yield replica_set
