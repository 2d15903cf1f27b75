"""The servers that `MrqData` makes: DocumentDB, and ElastiCache for Valkey."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_docdb as docdb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mrq_cdk.certificates import CERTIFICATES
from mrq_cdk.network import retention
from mrq_cdk.reasons import acknowledge

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

    from mrq_cdk.dataprops import DataProps
    from mrq_cdk.network import MrqNetwork

USER = "mrq"
MONGODB_PORT, CACHE_PORT = 27017, 6379
CACHE_READER_PORT = 6380  # a serverless cache names it to clients of its cluster mode as that of replicas
AUDITED = ("authenticate", "createIndex", "dropCollection")
CACHE_RIGHTS = "on ~* &* +@all -@admin -@dangerous +info +cluster|slots +cluster|shards +cluster|nodes"
"""All that workers do. No command that empties the cache, lists its keys or changes its settings."""


class Rotated(NamedTuple):
    """`what`: the server in words. `environment`: of the function. `actions` on `arn`. `restarts`: containers have to
    be started anew for the new password, since the old one is no longer let in."""

    what: str
    environment: dict[str, str]
    actions: tuple[str, ...]
    arn: str
    restarts: bool


class Store(Protocol):
    """A server. `variable`: in which containers get its password."""

    variable: str
    secret: secretsmanager.ISecret

    def rotation(self) -> Rotated:
        """What the function that rotates its password has to know and to be allowed."""
        ...

    def url(self, password: str, folder: str) -> str:
        """Its address. `password`: what stands for it. `folder`: where the certificates are."""
        ...

    def let_in(self, group: ec2.ISecurityGroup) -> None:
        """Let what has this security group connect."""
        ...


class DocumentDb(Construct):
    """A cluster of DocumentDB 5.0: TLS only, encrypted, with an audit log."""

    variable = "MRQ_DEPLOYED_MONGODB_PASSWORD"

    def __init__(
        self, scope: Construct, name: str, props: DataProps, network: MrqNetwork, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, name)
        self.cluster_name = f"{Stack.of(self).stack_name}-data".lower()
        self.secret: secretsmanager.ISecret = _password(self, key)
        audit = logs.LogGroup(
            self, "AuditLog", log_group_name=f"/aws/docdb/{self.cluster_name}/audit", encryption_key=key,
            retention=retention(props.log_days), removal_policy=RemovalPolicy.DESTROY,
        )  # fmt: skip
        self.security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=network.vpc, description="MRQ DocumentDB", allow_all_outbound=False
        )
        parameters = docdb.ClusterParameterGroup(
            self, "Parameters", family="docdb5.0", description="MRQ: TLS, audit log",
            parameters={"tls": "enabled", "audit_logs": "enabled", "ttl_monitor": "enabled"},
        )  # fmt: skip
        self.cluster = docdb.DatabaseCluster(
            self,
            "Cluster",
            db_cluster_name=self.cluster_name,
            engine_version="5.0.0",
            master_user=docdb.Login(
                username=self.secret.secret_value_from_json("username").unsafe_unwrap(),  # a reference
                password=self.secret.secret_value_from_json("password"),
            ),
            instance_type=ec2.InstanceType(props.instance),
            instances=props.instances,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_group=self.security_group,
            port=MONGODB_PORT,
            parameter_group=parameters,
            storage_encrypted=True,
            kms_key=key,
            backup=docdb.BackupProps(retention=Duration.days(props.backup_days)),
            deletion_protection=props.protected,
            removal_policy=RemovalPolicy.SNAPSHOT if props.keep_data else RemovalPolicy.DESTROY,
            instance_removal_policy=RemovalPolicy.DESTROY,
            security_group_removal_policy=RemovalPolicy.DESTROY,
            export_audit_logs_to_cloud_watch=True,
            copy_tags_to_snapshot=True,
        )
        self.cluster.node.add_dependency(audit)
        self._explain(props)

    def _explain(self, props: DataProps) -> None:
        acknowledge(self.cluster, "A port number hides nothing from who is inside of the VPC, and nobody else gets "
                    "here; only the security groups of MRQ may connect.", "AwsSolutions-DOC2")  # fmt: skip
        acknowledge(self.cluster, "DocumentDB's logs are called audit and profiler. The audit log, which is exported, "
                    "has these events.", *(f"AwsSolutions-DOC5[LogExport::{name}]" for name in AUDITED))  # fmt: skip
        acknowledge(self.cluster, "Name and password are references to Secrets Manager, which the rule can't read.",
                    "AwsSolutions-DOC3")  # fmt: skip
        if props.backup_days < 7:
            acknowledge(self.cluster, "Size dev: for trying out, its data may be lost.", "AwsSolutions-DOC4")

    def rotation(self) -> Rotated:
        """See Store."""
        arn = Stack.of(self).format_arn(
            service="rds", resource="cluster", resource_name=self.cluster_name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        actions = ("rds:DescribeDBClusters", "rds:ModifyDBCluster")
        return Rotated("DocumentDB", {"ROTATED_DOCUMENTDB": self.cluster_name}, actions, arn, restarts=True)

    def url(self, password: str, folder: str) -> str:
        """See Store. DocumentDB 5.0 has no retryable writes; MRQ tries again by itself."""
        host = self.cluster.cluster_endpoint.hostname
        options = f"tls=true&tlsCAFile={folder}/{CERTIFICATES}&replicaSet=rs0&retryWrites=false&authSource=admin"
        return f"mongodb://{USER}:{password}@{host}:{MONGODB_PORT}/mrq?{options}"

    def let_in(self, group: ec2.ISecurityGroup) -> None:
        """See Store."""
        self.cluster.connections.allow_from(group, ec2.Port.tcp(MONGODB_PORT), "MRQ")


class Cache(Construct):
    """ElastiCache serverless for Valkey: cluster mode and TLS always, one user with a password."""

    variable = "MRQ_DEPLOYED_REDIS_PASSWORD"

    def __init__(
        self, scope: Construct, name: str, props: DataProps, network: MrqNetwork, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, name)
        stack = Stack.of(self).stack_name.lower()
        self.secret: secretsmanager.ISecret = _password(self, key)
        self.user_id = f"{stack}-worker"
        user = elasticache.CfnUser(
            self, "User", engine="valkey", user_id=self.user_id, user_name=USER, access_string=CACHE_RIGHTS,
            authentication_mode={
                "Type": "password",
                "Passwords": [self.secret.secret_value_from_json("password").unsafe_unwrap()],  # a reference
            },
        )  # fmt: skip
        users = elasticache.CfnUserGroup(
            self, "Users", engine="valkey", user_group_id=f"{stack}-workers", user_ids=[self.user_id]
        )
        users.add_resource_dependency(user)
        self.security_group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=network.vpc, description="MRQ cache", allow_all_outbound=False
        )
        limits = elasticache.CfnServerlessCache
        self.cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            engine="valkey",
            major_engine_version="8",
            serverless_cache_name=f"{stack}-cache",
            description="MRQ: raw queues, limits, pauses and wake-ups",
            security_group_ids=[self.security_group.security_group_id],
            subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
            user_group_id=users.ref,
            kms_key_id=None if key is None else key.key_arn,
            cache_usage_limits=limits.CacheUsageLimitsProperty(
                data_storage=limits.DataStorageProperty(maximum=props.cache_gb, unit="GB"),
                ecpu_per_second=limits.ECPUPerSecondProperty(maximum=props.cache_ecpu),
            ),
            snapshot_retention_limit=props.backup_days if props.backup_days > 1 else None,
            daily_snapshot_time="03:00" if props.backup_days > 1 else None,
            final_snapshot_name=f"{stack}-cache-final" if props.keep_data else None,
        )
        self.cache.apply_removal_policy(RemovalPolicy.DESTROY)

    def rotation(self) -> Rotated:
        """See Store."""
        arn = Stack.of(self).format_arn(
            service="elasticache", resource="user", resource_name=self.user_id, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        actions = ("elasticache:DescribeUsers", "elasticache:ModifyUser")
        return Rotated("the cache", {"ROTATED_CACHE_USER": self.user_id}, actions, arn, restarts=False)

    def url(self, password: str, folder: str) -> str:  # noqa: ARG002 - its certificate is of a well-known CA
        """See Store."""
        return f"rediss://{USER}:{password}@{self.cache.attr_endpoint_address}:{CACHE_PORT}/0"

    def let_in(self, group: ec2.ISecurityGroup) -> None:
        """See Store."""
        for port in (CACHE_PORT, CACHE_READER_PORT):
            self.security_group.connections.allow_from(group, ec2.Port.tcp(port), "MRQ")


def _password(scope: Construct, key: kms.IKey | None) -> secretsmanager.Secret:
    """Letters and digits: they need no quoting anywhere."""
    return secretsmanager.Secret(
        scope, "Password", description="MRQ: user and password, rotated", encryption_key=key,
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template=json.dumps({"username": USER}), generate_string_key="password",
            password_length=32, exclude_punctuation=True,
        ),
    )  # fmt: skip
