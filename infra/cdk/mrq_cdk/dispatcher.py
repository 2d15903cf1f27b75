"""The dispatcher: sizes worker groups once a minute, and when it is woken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        groups: Mapping[str, Mapping[str, Any]],
        services: Sequence[ecs.FargateService],
        bursts: Sequence[lambda_.IFunction],
        around: Surroundings,
        props: FunctionProps | None = None,
        dead_letters_to: sqs.IQueue | None = None,
        namespace: str = "MRQ",
    ) -> None:
        """`groups`: documents of worker groups, by name; they are kept as they are here. `services` and `bursts`: what
        it sizes and starts, and nothing else. `namespace`: of its metrics."""
        super().__init__(scope, name)
        letters = dead_letters_to or dead_letters(self, around.key)
        made = MrqFunction(
            self, "Dispatcher", handler="dispatcher", about="sizes worker groups", around=around,
            props=props or FunctionProps(), environment={"POWERTOOLS_METRICS_NAMESPACE": namespace},
            retries=0,
        )  # fmt: skip
        self.function, self.role, self.security_group = made.function, made.role, made.security_group
        if services:
            made.allow("ecs:DescribeServices", "ecs:UpdateService", on=[each.service_arn for each in services])
        if bursts:
            arns = [each.function_arn for each in bursts]
            made.allow("lambda:GetFunction", "lambda:InvokeFunction", on=arns)
            made.allow("lambda:GetAccountSettings", on=["*"])
            acknowledge(made.role, "GetAccountSettings knows no resources.", ANY)
        self.schedule = invoke_every(self, made.function, minutes=1, event={"groups": groups}, letters=letters)
        self.schedule.node.add_dependency(made)
        around.first(self.schedule)
