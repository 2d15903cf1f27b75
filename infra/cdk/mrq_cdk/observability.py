"""What tells people how it goes: a dashboard of CloudWatch, alarms, and a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from mrq.domain.plain import check_number
from mrq.exceptions import ConfigError
from mrq_cdk.checks import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

MINUTE = Duration.minutes(1)


@dataclass(frozen=True, slots=True)
class ObservabilityProps:
    """What `MrqObservability` is made of.

    Args:
        email: who gets alarms and the budget's warnings; None: nobody, until you subscribe to the topic.
        oldest_wait: seconds that a job may wait, over five minutes, before there is an alarm.
        failed_runs: runs that may fail in five minutes before there is an alarm.
        budget_usd: a month; at 80 % of it, and when it is expected to be exceeded, there is a warning. None: none.
    """

    email: str | None = None
    oldest_wait: int = 600
    failed_runs: int = 100
    budget_usd: int | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_text("email", self.email, optional=True)
        if self.email is not None and "@" not in self.email:
            raise ConfigError(f"email has to be an address, not {self.email!r}")
        check_number("oldest_wait", self.oldest_wait, 1, 604_800, whole=True)
        check_number("failed_runs", self.failed_runs, 1, 1_000_000_000, whole=True)
        if self.budget_usd is not None:
            check_number("budget_usd", self.budget_usd, 1, 1_000_000_000, whole=True)
            if self.email is None:
                raise ConfigError("budget_usd needs email: somebody has to get its warnings")


class MrqObservability(Construct):
    """Attributes:
    topic: of SNS, which gets all alarms.
    alarms: by what they are about.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        props: ObservabilityProps | None = None,
        *,
        groups: Sequence[str],
        functions: Mapping[str, lambda_.IFunction],
        letters: sqs.IQueue,
        services: Mapping[str, ecs.FargateService],
        namespace: str = "MRQ",
        key: kms.IKey | None = None,
    ) -> None:
        """`groups`: names of worker groups. `functions`: by what they do. `services`: of ECS, by group."""
        super().__init__(scope, name)
        props = props or ObservabilityProps()
        self._namespace = namespace
        self.topic = sns.Topic(self, "Alarms", display_name="MRQ", enforce_ssl=True, master_key=key)
        # a topic that has a policy, here for TLS, is no longer open to the account's alarms by itself
        own = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        self.topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=own))
        if props.email is not None:
            self.topic.add_subscription(subscriptions.EmailSubscription(props.email, dead_letter_queue=letters))
        self.alarms: dict[str, cloudwatch.Alarm] = {}
        for group in groups:
            self._group_alarms(group, props)
        for what, function in functions.items():
            errors = function.metric_errors(period=Duration.minutes(5))
            self._alarm(f"{what} errors", errors, 3, "It fails again and again; see its log.")
            throttles = function.metric_throttles(period=Duration.minutes(5))
            self._alarm(f"{what} throttles", throttles, 10, "Lambda refuses invocations: raise its concurrency.")
        self._shared_alarms(props, letters)
        for group, service in services.items():
            self._missing(group, service)
        self._board(groups, functions, letters)
        if props.budget_usd is not None:
            self._budget(props.budget_usd, props.email or "")

    def _metric(self, name: str, statistic: str, group: str | None = None, minutes: int = 1) -> cloudwatch.Metric:
        dimensions = None if group is None else {"WorkerGroup": group}
        return cloudwatch.Metric(namespace=self._namespace, metric_name=name, statistic=statistic,
                                 dimensions_map=dimensions, period=Duration.minutes(minutes),
                                 label=group or name)  # fmt: skip

    def _group_alarms(self, group: str, props: ObservabilityProps) -> None:
        self._alarm(f"{group} oldest wait", self._metric("OldestWait", "Minimum", group, 5), props.oldest_wait,
                    "Jobs wait for too long: not enough workers, or they are stuck.")  # fmt: skip
        self._alarm(f"{group} dispatch failures", self._metric("DispatchFailures", "Sum", group, 5), 3,
                    "The group can't be sized; the dispatcher's log says why.")  # fmt: skip

    def _shared_alarms(self, props: ObservabilityProps, letters: sqs.IQueue) -> None:
        self._alarm("failed runs", self._metric("FailedRuns", "Sum", None, 5), props.failed_runs,
                    "Many jobs fail; see Failures in the dashboard.")  # fmt: skip
        given_up = letters.metric_approximate_number_of_messages_visible(period=Duration.minutes(5))
        self._alarm("dead letters", given_up, 1, "An event was given up after its retries.")
        silent = self._metric("FailedRuns", "SampleCount", None, 5)
        self._alarm("dispatcher silent", silent, 1, "The dispatcher has said nothing for a quarter of an hour: nothing "
                    "is sized, and nobody counts.", below=True)  # fmt: skip

    def _missing(self, group: str, service: ecs.FargateService) -> None:
        """Workers that die as soon as they have started."""
        names = {"ClusterName": service.cluster.cluster_name, "ServiceName": service.service_name}
        wanted, running = (
            cloudwatch.Metric(namespace="ECS/ContainerInsights", metric_name=name, dimensions_map=names,
                              statistic="Average", period=Duration.minutes(5))
            for name in ("DesiredTaskCount", "RunningTaskCount")
        )  # fmt: skip
        missing = cloudwatch.MathExpression(expression="wanted - running", label="missing containers",
                                            using_metrics={"wanted": wanted, "running": running},
                                            period=Duration.minutes(5))  # fmt: skip
        self._alarm(f"{group} dead workers", missing, 1, "Containers are wanted and don't stay up; see their log.")

    def _alarm(
        self, about: str, metric: cloudwatch.IMetric, threshold: float, text: str, *, below: bool = False
    ) -> None:
        over = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        under = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
        name = "".join(word.capitalize() for word in about.replace("-", " ").split())
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=3 if below or "dead workers" in about else 1,
            comparison_operator=under if below else over,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING if below
            else cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"MRQ, {about}. {text}",
        )  # fmt: skip
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        self.alarms[about] = alarm

    def _board(self, groups: Sequence[str], functions: Mapping[str, lambda_.IFunction], letters: sqs.IQueue) -> None:
        def graph(title: str, metric: str, statistic: str) -> cloudwatch.GraphWidget:
            lines: list[cloudwatch.IMetric] = [self._metric(metric, statistic, group) for group in groups]
            return cloudwatch.GraphWidget(title=title, width=8, left=lines)

        board = cloudwatch.Dashboard(self, "Board", dashboard_name=Stack.of(self).stack_name)
        board.add_widgets(
            cloudwatch.AlarmStatusWidget(title="Alarms", width=24, height=4, alarms=list(self.alarms.values()))
        )
        board.add_widgets(
            graph("Oldest wait (seconds)", "OldestWait", "Maximum"),
            graph("Waiting jobs", "Backlog", "Maximum"),
            cloudwatch.GraphWidget(title="Failed runs", width=8, left=[self._metric("FailedRuns", "Sum")]),
        )
        board.add_widgets(
            graph("Containers", "RunningContainers", "Maximum"),
            graph("Bursts", "RunningBursts", "Maximum"),
            graph("Bursts started", "StartedBursts", "Sum"),
        )
        board.add_widgets(
            cloudwatch.GraphWidget(title="Errors of functions", width=8,
                                   left=[each.metric_errors(label=what) for what, each in functions.items()]),
            cloudwatch.GraphWidget(title="Duration of functions", width=8,
                                   left=[each.metric_duration(label=what) for what, each in functions.items()]),
            cloudwatch.GraphWidget(title="Events given up", width=8,
                                   left=[letters.metric_approximate_number_of_messages_visible()]),
        )  # fmt: skip

    def _budget(self, usd: int, email: str) -> None:
        def warning(kind: str, percent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN", notification_type=kind, threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[budgets.CfnBudget.SubscriberProperty(address=email, subscription_type="EMAIL")],
            )  # fmt: skip

        budgets.CfnBudget(
            self, "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST", time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
            ),
            notifications_with_subscribers=[warning("ACTUAL", 80), warning("FORECASTED", 100)],
        )  # fmt: skip
