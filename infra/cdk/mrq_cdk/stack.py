"""The whole system as one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, CfnOutput, RemovalPolicy, Stack, Tags
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from mrq_cdk.bundle import Bundles
from mrq_cdk.burst import MrqBurst
from mrq_cdk.dashboard import MrqDashboard
from mrq_cdk.data import MrqData
from mrq_cdk.dispatcher import MrqDispatcher
from mrq_cdk.functions import FunctionProps, Surroundings
from mrq_cdk.image import Images
from mrq_cdk.letters import dead_letters
from mrq_cdk.network import MrqNetwork
from mrq_cdk.observability import MrqObservability
from mrq_cdk.rotation import MrqRotation
from mrq_cdk.scheduler import MrqScheduler
from mrq_cdk.workers import MrqWorkers

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from mrq_cdk.config import MrqConfig


class MrqStack(Stack):
    """Network, data, worker groups, dispatcher, scheduler, dashboard and alarms, wired together.

    Attributes:
        network, data, workers, bursts, dispatcher, scheduler, dashboard, observability: its constructs; workers and
            bursts by group.
    """

    def __init__(self, scope: Construct, config: MrqConfig, **more: Any) -> None:
        """`more`: for the CDK's Stack.

        Raises:
            ConfigError: a prop is wrong, or something that the code needs can't be had.
        """
        about = {"description": "MRQ: a job queue of containers and Lambda bursts",
                 "termination_protection": config.data.protected}  # fmt: skip
        super().__init__(scope, config.name, **{**about, **more})
        self.config = config
        self.key = _key(self) if config.own_key else None
        self.network = MrqNetwork(self, "Network", config.in_reach(), key=self.key)
        self.data = MrqData(self, "Data", config.data, network=self.network, key=self.key)
        trusted = config.ca_bundle if self.data.documentdb is not None or config.ca_bundle else None
        self._images = Images(config.project, trusted, config.image)
        bundles = Bundles(config.project, trusted, config.python)
        self.around = Surroundings(self.network, self.data, bundles, self.key)
        self.letters: sqs.Queue = dead_letters(self, self.key)
        self.cluster = self._cluster() if config.has_workers else None
        self.dispatcher = MrqDispatcher(
            self, "Dispatcher", around=self.around, dead_letters_to=self.letters, namespace=config.metrics,
            props=self._usual(),
        )  # fmt: skip
        self.workers: dict[str, MrqWorkers] = {}
        self.bursts: dict[str, MrqBurst] = {}
        self._groups()
        self._dispatch()
        self.scheduler = MrqScheduler(
            self, "Scheduler", around=self.around, wakes=self.dispatcher.function, to_the_second=config.to_the_second,
            dead_letters_to=self.letters, props=self._usual(),
        )  # fmt: skip
        self.dashboard = None if config.dashboard is None else MrqDashboard(
            self, "Dashboard", config.dashboard, around=self.around, wakes=self.dispatcher.function
        )  # fmt: skip
        self._rotations()
        self.observability = self._observability()
        self._outputs()
        for tag, value in {"mrq:stack": config.name, **config.tags}.items():
            Tags.of(self).add(tag, value)

    def _usual(self) -> FunctionProps:
        return FunctionProps(log_days=self.config.log_days)

    def _cluster(self) -> ecs.Cluster:
        return ecs.Cluster(self, "Cluster", vpc=self.network.vpc, enable_fargate_capacity_providers=True,
                           container_insights_v2=ecs.ContainerInsights.ENABLED)  # fmt: skip

    def _groups(self) -> None:
        for group in self.config.groups:
            name = "".join(part.capitalize() for part in group.name.split("-"))
            if group.workers is not None and self.cluster is not None:
                self.workers[group.name] = MrqWorkers(
                    self, f"{name}Workers", group=group, cluster=self.cluster, images=self._images, around=self.around,
                    wakes=self.dispatcher.function, namespace=self.config.metrics,
                )  # fmt: skip
            if group.burst is not None:
                self.bursts[group.name] = MrqBurst(
                    self, f"{name}Burst", group=group, around=self.around, dead_letters_to=self.letters,
                    wakes=self.dispatcher.function, log_days=self.config.log_days,
                )  # fmt: skip

    def _dispatch(self) -> None:
        documents = {}
        for group in self.config.groups:
            workers, burst = self.workers.get(group.name), self.bursts.get(group.name)
            cluster = "" if self.cluster is None else self.cluster.cluster_name
            documents[group.name] = group.document(
                cluster,
                "" if workers is None else workers.service.service_name,
                "" if burst is None else burst.function.function_name,
            )
        self.dispatcher.serve(
            documents, services=[each.service for each in self.workers.values()],
            bursts=[each.function for each in self.bursts.values()],
        )  # fmt: skip

    def _rotations(self) -> None:
        for name, store in (("DatabaseRotation", self.data.documentdb), ("CacheRotation", self.data.cache)):
            if store is not None:
                MrqRotation(
                    self, name, store=store, days=self.config.data.rotation_days, around=self.around,
                    log_days=self.config.log_days, ecs_cluster=self.cluster,
                )  # fmt: skip

    def _observability(self) -> MrqObservability:
        functions = {
            "dispatcher": self.dispatcher.function,
            "scheduler": self.scheduler.function,
            **({} if self.dashboard is None else {"dashboard": self.dashboard.function}),
            **{f"burst {name}": each.function for name, each in self.bursts.items()},
        }
        return MrqObservability(
            self, "Observability", self.config.observability, groups=[each.name for each in self.config.groups],
            functions=functions, letters=self.letters, key=self.key, namespace=self.config.metrics,
            services={name: each.service for name, each in self.workers.items()},
        )  # fmt: skip

    def _outputs(self) -> None:
        outputs = {
            "DispatcherFunction": (self.dispatcher.function.function_name, "MRQ_WAKE_UP of producers: lambda:NAME"),
            "SchedulerFunction": (self.scheduler.function.function_name, "One invocation is one tick"),
            "AlarmTopic": (self.observability.topic.topic_arn, "Subscribe to it for alarms"),
            **{f"BurstFunction{name.replace('-', '')}": (each.function.function_name, f"Bursts of {name}")
               for name, each in self.bursts.items()},
        }  # fmt: skip
        if self.dashboard is not None:
            outputs["DashboardUrl"] = (self.dashboard.url, "The dashboard")
            outputs["DashboardLogin"] = (self.dashboard.login.secret_arn, "Secret with its first user and password")
        for name, (value, about) in outputs.items():
            CfnOutput(self, name, value=value, description=about)


def _key(stack: Stack) -> kms.Key:
    key = kms.Key(stack, "Key", enable_key_rotation=True, description="MRQ", removal_policy=RemovalPolicy.RETAIN)
    groups = stack.format_arn(service="logs", resource="log-group", resource_name="*",
                              arn_format=ArnFormat.COLON_RESOURCE_NAME)  # fmt: skip
    logs = iam.ServicePrincipal(
        f"logs.{stack.region}.{stack.url_suffix}",
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )
    key.grant_encrypt_decrypt(logs)
    own = {"StringEquals": {"aws:SourceAccount": stack.account}}
    for service in ("cloudwatch", "sns"):  # alarms to the topic, and to the queue what the topic can't deliver
        key.grant(
            iam.ServicePrincipal(f"{service}.amazonaws.com", conditions=own), "kms:Decrypt", "kms:GenerateDataKey*"
        )
    return key
