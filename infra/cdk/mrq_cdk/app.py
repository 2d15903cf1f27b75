"""The CDK's app around a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from mrq_cdk.config import read_config
from mrq_cdk.stack import MrqStack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def app_of(context: Mapping[str, Any], outdir: str | None, keys: Sequence[str]) -> cdk.App:
    """See `mrq_cdk.synthesis.make_app`."""
    app = cdk.App(context=dict(context), outdir=outdir, analytics_reporting=False)
    given = {key: app.node.try_get_context(key) for key in keys}
    size, path = given.pop("size"), given.pop("config")
    config = read_config(size or "dev", path, {key: value for key, value in given.items() if value})
    MrqStack(app, config)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    return app
