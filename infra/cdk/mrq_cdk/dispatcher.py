"""The dispatcher: sizes worker groups once a minute, and when it is woken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from mrq_cdk.functions import FunctionProps, MrqFunction
from mrq_cdk.letters import dead_letters, invoke_every
from mrq_cdk.reasons import ANY, acknowledge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from mrq_cdk.functions import Surroundings


class MrqDispatcher(Construct):
    """The function, what it may do, and its schedule.

    Attributes:
        function, role: of Lambda and IAM.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        around: Surroundings,
        props: FunctionProps | None = None,
        dead_letters_to: sqs.IQueue | None = None,
        namespace: str = "MRQ",
    ) -> None:
        """`namespace`: of its metrics. It does nothing before it is told what for: see `serve`."""
        super().__init__(scope, name)
        self._around, self._letters = around, dead_letters_to or dead_letters(self, around.key)
        made = MrqFunction(
            self, "Dispatcher", handler="dispatcher", about="sizes worker groups", around=around,
            props=props or FunctionProps(), environment={"POWERTOOLS_METRICS_NAMESPACE": namespace},
            retries=0,
        )  # fmt: skip
        self.function, self.role, self.security_group = made.function, made.role, made.security_group

    def serve(
        self,
        groups: Mapping[str, Mapping[str, Any]],
        *,
        services: Sequence[ecs.FargateService] = (),
        bursts: Sequence[lambda_.IFunction] = (),
    ) -> None:
        """Call it once. `groups`: documents of worker groups, by name; they are kept as they are here. `services` and
        `bursts`: what it sizes and starts, and nothing else.

        Apart from the function, and its rights apart from its role: what it starts may wake it, so all that is there
        before.
        """
        self.schedule = invoke_every(self, self.function, minutes=1, event={"groups": groups}, letters=self._letters)
        self.schedule.node.add_dependency(self.function)
        if services or bursts:
            policy = self._policy(services, bursts)
            policy.attach_to_role(self.role)
            self.schedule.node.add_dependency(policy)
        self._around.first(self.schedule)

    def _policy(self, services: Sequence[ecs.FargateService], bursts: Sequence[lambda_.IFunction]) -> iam.Policy:
        policy = iam.Policy(self, "Sizes")
        if services:
            _allow(policy, "ecs:DescribeServices", "ecs:UpdateService", on=[each.service_arn for each in services])
        if bursts:
            _allow(policy, "lambda:GetFunction", "lambda:InvokeFunction", on=[each.function_arn for each in bursts])
            _allow(policy, "lambda:GetAccountSettings", on=["*"])
            acknowledge(policy, "GetAccountSettings knows no resources.", ANY)
        return policy


def _allow(policy: iam.Policy, *actions: str, on: list[str]) -> None:
    policy.add_statements(iam.PolicyStatement(actions=list(actions), resources=on))
