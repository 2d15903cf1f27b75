"""Rules of cdk-nag that don't hold somewhere, each with its reason. cdk-nag fails a synthesis for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

if TYPE_CHECKING:
    from constructs import IConstruct


ANY = "AwsSolutions-IAM5[Resource::*]"
"""The finding of a statement on all resources."""


def acknowledge(construct: IConstruct, reason: str, *rules: str) -> None:
    """Say why these rules, such as `AwsSolutions-IAM5`, don't hold at a construct and below it. In IAM5 a finding may
    be named: `AwsSolutions-IAM5[Resource::*]`."""
    for rule in rules:
        pack = rule.partition("-")[0]
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"{pack}::{rule}", reason=reason))


def finding(scope: IConstruct, arn: str) -> str:
    """The finding of a statement on this ARN, as cdk-nag words it."""
    resolved = cdk.Stack.of(scope).resolve(arn)
    parts = resolved["Fn::Join"][1] if isinstance(resolved, dict) else [resolved]
    text = "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
    return f"AwsSolutions-IAM5[Resource::{text}]"
