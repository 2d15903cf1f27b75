"""Props of `MrqData`."""

from __future__ import annotations

from dataclasses import dataclass

from mrq.domain.plain import check_number
from mrq.exceptions import ConfigError
from mrq_cdk.checks import RETENTION, check_arn, check_choice, check_flag, check_text


@dataclass(frozen=True, slots=True)
class DataProps:
    """What `MrqData` is made of.

    Args:
        mongodb_secret: ARN of a secret that is the URL of a MongoDB or an Atlas cluster; None: a DocumentDB is made.
        redis_secret: ARN of a secret that is the URL of a Redis or Valkey; None: an ElastiCache serverless is made.
        existing_port, existing_redis_port: on which servers that are there already listen, for the security groups.
        instance: size of the instances of DocumentDB.
        instances: how many; one has no fail-over.
        backup_days: how long backups of DocumentDB are kept, at least 1; snapshots of the cache too, from 2 on.
        protected: the stack and DocumentDB refuse to be deleted until it is false and deployed.
        keep_data: when the stack goes, a last snapshot of DocumentDB and one of the cache stay.
        cache_gb, cache_ecpu: the most that the cache may hold, and do in a second; what is above is refused.
        rotation_days: after so many days passwords change.
        log_days: how long audit logs are kept.
    """

    mongodb_secret: str | None = None
    redis_secret: str | None = None
    existing_port: int = 27017
    existing_redis_port: int = 6379
    instance: str = "t4g.medium"
    instances: int = 1
    backup_days: int = 1
    protected: bool = False
    keep_data: bool = False
    cache_gb: int = 1
    cache_ecpu: int = 1000
    rotation_days: int = 30
    log_days: int = 30

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_arn("mongodb_secret", self.mongodb_secret, "secretsmanager")
        check_arn("redis_secret", self.redis_secret, "secretsmanager")
        for name in ("existing_port", "existing_redis_port"):
            check_number(name, getattr(self, name), 1, 65_535, whole=True)
        check_text("instance", self.instance)
        if "." not in self.instance or self.instance.startswith("db."):
            raise ConfigError(f"instance has to be a size such as t4g.medium or r6g.large, not {self.instance!r}")
        check_number("instances", self.instances, 1, 16, whole=True)
        check_number("backup_days", self.backup_days, 1, 35, whole=True)
        check_flag("protected", self.protected)
        check_flag("keep_data", self.keep_data)
        check_number("cache_gb", self.cache_gb, 1, 5000, whole=True)
        check_number("cache_ecpu", self.cache_ecpu, 1000, 15_000_000, whole=True)
        check_number("rotation_days", self.rotation_days, 1, 1000, whole=True)
        check_choice("log_days", self.log_days, RETENTION)
