"""Queues of events that failed for good, and what EventBridge invokes at its times."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs

from mrq_cdk.reasons import acknowledge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from constructs import Construct


def dead_letters(scope: Construct, key: kms.IKey | None, name: str = "DeadLetters") -> sqs.Queue:
    """A queue for what failed, kept for two weeks. `key`: None: SQS's own encryption."""
    queue = sqs.Queue(
        scope, name, retention_period=Duration.days(14), enforce_ssl=True, encryption_master_key=key,
        encryption=sqs.QueueEncryption.KMS if key is not None else sqs.QueueEncryption.SQS_MANAGED,
        removal_policy=RemovalPolicy.DESTROY,
    )  # fmt: skip
    acknowledge(queue, "It is the dead-letter queue itself.", "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
    return queue


def invoking_role(scope: Construct, name: str = "ScheduleRole") -> iam.Role:
    """A role for EventBridge Scheduler, of this account alone. It may nothing yet."""
    account = Stack.of(scope).account
    return iam.Role(
        scope, name, assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
        ),
    )  # fmt: skip


def may_invoke(role: iam.Role, function: lambda_.IFunction) -> None:
    """Let a role invoke this one function."""
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]))


def invoke_every(
    scope: Construct,
    function: lambda_.IFunction,
    *,
    minutes: int,
    event: Mapping[str, Any],
    letters: sqs.IQueue,
) -> scheduler.CfnSchedule:
    """Have a function invoked with the same event every so many minutes. An invocation that is late is left out: the
    next one does its work."""
    role = invoking_role(scope)
    may_invoke(role, function)
    role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[letters.queue_arn]))
    if letters.encryption_master_key is not None:
        key = letters.encryption_master_key.key_arn
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key]))
    made = scheduler.CfnSchedule(
        scope,
        "Schedule",
        schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.function_arn,
            role_arn=role.role_arn,
            input=Stack.of(scope).to_json_string(dict(event)) if event else json.dumps({}),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=60, maximum_retry_attempts=1
            ),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=letters.queue_arn),
        ),
    )
    made.node.add_dependency(role)
    return made
