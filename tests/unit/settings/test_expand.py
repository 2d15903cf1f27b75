"""Passwords that a platform hands over as variables of their own."""

from __future__ import annotations

import pytest

from mrq.exceptions import ConfigError
from mrq.settings import load

URL = "mongodb://mrq:$(DB_PASSWORD)@host/mrq"


def test_a_url_in_the_environment_may_name_other_variables() -> None:
    loaded = load(environ={"MRQ_MONGODB_JOBS": URL, "DB_PASSWORD": "p@ss/word"}, sources=("env",))
    assert loaded.settings.mongodb_jobs == "mongodb://mrq:p%40ss%2Fword@host/mrq"


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^MRQ_MONGODB_JOBS=.*names the variable DB_PASSWORD, which is not set"):
        load(environ={"MRQ_MONGODB_JOBS": URL}, sources=("env",))


def test_what_is_no_variable_is_left() -> None:
    """ARNs of secrets are read by mrq_lambda."""
    url = "redis://:$(arn:aws:secretsmanager:eu-west-1:123456789012:secret:mrq)@host"
    assert load(environ={"MRQ_REDIS": url}, sources=("env",)).settings.redis == url
