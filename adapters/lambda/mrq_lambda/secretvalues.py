"""Connection URLs that are kept in Secrets Manager or the Parameter Store: settings hold their ARNs instead.

arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME          the whole secret is the URL
arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:KEY::    it is JSON, and the URL is under KEY (as in ECS)
arn:aws:ssm:REGION:ACCOUNT:parameter/NAME                  the parameter is the URL, encrypted or not

An ARN may also stand for a part of a URL, percent-encoded there: mongodb://mrq:$(ARN)@host/mrq.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any
from urllib.parse import quote

from mrq.exceptions import ConfigError

_SECRET_PARTS = 7  # arn:aws:secretsmanager:region:account:secret:name; what follows are the parts that ECS has


_ARN = re.compile(r"arn:[^:()]+:(?:secretsmanager|ssm):[^()]+")
_PART = re.compile(rf"\$\(({_ARN.pattern})\)")


def is_secret(value: object) -> bool:
    """Whether a setting's value names a secret or a parameter, as a whole or in a part of it."""
    return isinstance(value, str) and bool(_ARN.fullmatch(value) or _PART.search(value))


def revealed(value: str) -> str:
    """A setting's value with its secrets in it, as they are now. Raises ConfigError: see `fetch`."""
    if _ARN.fullmatch(value):
        return fetch(value)
    return _PART.sub(lambda part: quote(fetch(part[1]), safe=""), value)


def fetch(arn: str) -> str:
    """What an ARN stands for, now.

    Raises:
        ConfigError: it can't be had, or is no text. The message holds no secret.
    """
    # boto3 takes longer to load than all of MRQ: only for those who have ARNs
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415

    secrets, values = _providers()
    parts = arn.split(":")
    try:
        if parts[2] == "ssm":
            return _text(arn, values.get(arn, decrypt=True, max_age=0, force_fetch=True))
        whole = ":".join(parts[:_SECRET_PARTS])
        secret: Any = secrets.get(whole, max_age=0, force_fetch=True)
    except parameters.GetParameterError as error:
        raise ConfigError(f"{arn} can't be read: {error}; may the function's role read it?") from None
    keys = [part for part in parts[_SECRET_PARTS : _SECRET_PARTS + 1] if part]
    return _text(arn, _under(arn, secret, keys[0]) if keys else secret)


@functools.cache
def _providers() -> tuple[Any, Any]:
    """Of Secrets Manager and of Parameter Store. A VPC without a way to them is to be said, not waited for."""
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 2})
    return parameters.SecretsProvider(boto_config=config), parameters.SSMProvider(boto_config=config)


def _under(arn: str, secret: Any, key: str) -> Any:
    try:
        found = json.loads(secret)
    except (TypeError, ValueError):
        raise ConfigError(f"{arn}: the secret is no JSON, so it has no key {key!r}") from None
    if not isinstance(found, dict) or key not in found:
        raise ConfigError(f"{arn}: the secret has no key {key!r}")
    return found[key]


def _text(arn: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{arn} is no text that could be a URL")
    return value
