"""From the CDK's context to templates: what `app.py` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrq_cdk.node import require_node

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from aws_cdk import App

KEYS = ("size", "config", "name", "project", "ca_bundle")
"""Of the context: `-c KEY=VALUE`."""


def make_app(context: Mapping[str, Any] | None = None, outdir: str | None = None) -> App:
    """The app with its stack, checked by cdk-nag when it is synthesized. `context`: beside what the CDK gives.

    Raises:
        ConfigError: there is no Node, or the config is wrong.
    """
    require_node()
    from mrq_cdk.app import app_of  # noqa: PLC0415 - the CDK ends in an obscure error where Node is missing

    return app_of(context or {}, outdir, KEYS)


def main() -> None:
    """Synthesize. Raises ConfigError."""
    make_app().synth()
