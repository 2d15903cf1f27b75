"""The scheduler's tick: queues what is due, brings back retries, takes the jobs of dead workers from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from mrq_cdk.functions import FunctionProps, MrqFunction
from mrq_cdk.letters import dead_letters, invoke_every, invoking_role, may_invoke
from mrq_cdk.reasons import ANY, acknowledge, finding

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from mrq_cdk.functions import Surroundings


class MrqScheduler(Construct):
    """The function and its schedule.

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
        wakes: lambda_.IFunction | None = None,
        to_the_second: bool = False,
        minutes: int = 1,
        dead_letters_to: sqs.IQueue | None = None,
    ) -> None:
        """`wakes`: the dispatcher, invoked when what was queued has no worker that listens. `to_the_second`: each
        schedule gets an entry of EventBridge Scheduler for its next time. `minutes`: between two ticks."""
        super().__init__(scope, name)
        letters = dead_letters_to or dead_letters(self, around.key)
        group = f"{Stack.of(self).stack_name}-ticks" if to_the_second else ""
        environment: dict[str, str] = {}
        role = invoking_role(self, "EntriesRole") if to_the_second else None
        if role is not None:
            environment |= {"MRQ_EVENTBRIDGE_GROUP": group, "MRQ_EVENTBRIDGE_ROLE": role.role_arn}
        made = MrqFunction(
            self, "Tick", handler="scheduler", about="tick of the scheduler", around=around,
            props=props or FunctionProps(), environment=environment, retries=0, wakes=wakes,
        )  # fmt: skip
        self.function, self.role, self.security_group = made.function, made.role, made.security_group
        if role is not None:
            self._entries(made, group, role)
        self.schedule = invoke_every(self, made.function, minutes=minutes, event={}, letters=letters)
        self.schedule.node.add_dependency(made)
        around.first(self.schedule)

    def _entries(self, made: MrqFunction, group: str, role: iam.Role) -> None:
        scheduler.CfnScheduleGroup(self, "Entries", name=group)
        may_invoke(role, made.function)
        entries = Stack.of(self).format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/mrq-*")
        made.allow("scheduler:CreateSchedule", "scheduler:DeleteSchedule", on=[entries])
        made.allow("scheduler:ListSchedules", on=["*"])
        acknowledge(made.role, "Entries are named after schedules and times.", finding(self, entries))
        acknowledge(made.role, "ListSchedules knows no resources.", ANY)
        made.role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"], resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            )
        )  # fmt: skip
