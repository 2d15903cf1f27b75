"""MongoDB and Redis: DocumentDB and ElastiCache for Valkey, or servers that are there already, by their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mrq_cdk.dataprops import DataProps
from mrq_cdk.stores import Cache, DocumentDb, Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms
    from constructs import IDependable

    from mrq_cdk.network import MrqNetwork

JOBS, REDIS = "MRQ_MONGODB_JOBS", "MRQ_REDIS"


class Connections(Protocol):
    """How functions and containers reach the data."""

    def lambda_environment(self) -> dict[str, str]:
        """Variables of a function: URLs that name secrets, which mrq_lambda reads."""
        ...

    def container_environment(self) -> dict[str, str]:
        """Variables of a container: URLs that name the variables below."""
        ...

    def container_secrets(self) -> dict[str, ecs.Secret]:
        """Variables that ECS fills from secrets when a container starts."""
        ...

    def grant_read(self, role: iam.IRole) -> None:
        """Let a role read just these secrets."""
        ...

    def let_in(self, group: ec2.ISecurityGroup) -> None:
        """Let what has this security group connect."""
        ...

    def ready(self) -> Sequence[IDependable]:
        """What has to be there before something connects: servers, and the rules that let it in."""
        ...


class MrqData(Construct):
    """The data, encrypted at rest and on its way, and reached by exactly those that are let in.

    Attributes:
        documentdb, cache: what was made; None where a server was there already.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        props: DataProps | None = None,
        *,
        network: MrqNetwork,
        key: kms.IKey | None = None,
    ) -> None:
        """`key`: encrypts data, backups and secrets; None: keys that AWS manages."""
        super().__init__(scope, name)
        props = props or DataProps()
        self.documentdb: DocumentDb | None = None
        self.cache: Cache | None = None
        self._stores: dict[str, Store] = {}
        self._existing: dict[str, secretsmanager.ISecret] = {}
        self._ports: dict[str, int] = {}
        self._key = key
        if props.mongodb_secret is None:
            self.documentdb = DocumentDb(self, "DocumentDb", props, network, key)
            self._stores[JOBS] = self.documentdb
        else:
            self._existing[JOBS] = _secret(self, "MongoDbUrl", props.mongodb_secret)
            self._ports[JOBS] = props.existing_port
        if props.redis_secret is None:
            self.cache = Cache(self, "Cache", props, network, key)
            self._stores[REDIS] = self.cache
        else:
            self._existing[REDIS] = _secret(self, "RedisUrl", props.redis_secret)
            self._ports[REDIS] = props.existing_redis_port

    def lambda_environment(self) -> dict[str, str]:
        """See Connections."""
        urls = {name: store.url(f"$({store.secret.secret_arn}:password::)", "/var/task")
                for name, store in self._stores.items()}  # fmt: skip
        return {**urls, **{name: secret.secret_arn for name, secret in self._existing.items()}}

    def container_environment(self) -> dict[str, str]:
        """See Connections."""
        return {name: store.url(f"$({store.variable})", "/etc/ssl/mrq") for name, store in self._stores.items()}

    def container_secrets(self) -> dict[str, ecs.Secret]:
        """See Connections."""
        parts = {store.variable: ecs.Secret.from_secrets_manager(store.secret, "password")
                 for store in self._stores.values()}  # fmt: skip
        whole = {name: ecs.Secret.from_secrets_manager(secret) for name, secret in self._existing.items()}
        return {**parts, **whole}

    def grant_read(self, role: iam.IRole) -> None:
        """See Connections."""
        for secret in [*(store.secret for store in self._stores.values()), *self._existing.values()]:
            role.add_to_principal_policy(
                iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn])
            )
        if self._key is not None:
            self._key.grant_decrypt(role)

    def let_in(self, group: ec2.ISecurityGroup) -> None:
        """See Connections."""
        for store in self._stores.values():
            store.let_in(group)
        for port in sorted(set(self._ports.values())):
            group.connections.allow_to_any_ipv4(ec2.Port.tcp(port), "an existing server")

    def ready(self) -> list[IDependable]:
        """See Connections."""
        return [self]


def _secret(scope: Construct, name: str, arn: str) -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_complete_arn(scope, name, arn)
