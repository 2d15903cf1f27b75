"""Where the lines of functions go, and what stays out of them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from mrq.testing import memory_app
from mrq_lambda.burst import add_handlers
from mrq_lambda.sandbox import Sandbox, set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("own_logging")

OURS = logging.getLogger("mrq")


@pytest.fixture(autouse=True)
def as_lambda_starts() -> Iterator[None]:
    """Lambda's runtime gives the root logger a handler of its own, which writes lines as they are."""

    class Bootstrap(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print(f"unredacted {record.getMessage()}")

    root, handler = logging.getLogger(), Bootstrap()
    root.addHandler(handler)
    OURS.handlers.clear()
    yield
    root.removeHandler(handler)


def said(capsys: pytest.CaptureFixture[str], **settings: Any) -> str:
    with memory_app(**{"log_level": "INFO", **settings}) as app:
        set_up_logging(app.settings)
        logging.getLogger("mrq.current").info("calling with password=hunter2")
        logging.getLogger("mrq.current").debug("a detail")
    return capsys.readouterr().out


def test_no_secret_reaches_cloudwatch(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said(capsys, log_format="%(levelname)s %(message)s").splitlines()
    assert line == "INFO calling with password=***"
    assert said(capsys, quiet=True) == ""


def test_lines_are_json_where_that_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = said(capsys, log_format="json").splitlines()
    assert json.loads(line)["message"] == "calling with password=***"
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", "JSON")
    (line,) = said(capsys).splitlines()
    assert json.loads(line)["level"] == "INFO"


def test_a_sandbox_sets_it_up(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bootstrap"])
    monkeypatch.setenv("MRQ_LOG_FORMAT", "json")
    sandbox = Sandbox()
    try:
        sandbox.app()
        logging.getLogger("mrq.lambda").info("token=hunter2")
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["message"] == "token=***"
    finally:
        sandbox.close()


@pytest.mark.parametrize(
    ("config", "added"),
    [
        ({"log_handlers": {"logging.StreamHandler": {"level": "DEBUG"}}}, 1),
        ({"log_handlers": {"logging.StreamHandler": {}, "mrq.logger.MongoHandler": {}}}, 2),
        ({"log_handler": ""}, 0),
        ({}, 1),
    ],
)
def test_handlers_are_added_once_whatever_the_number_of_invocations(config: dict[str, Any], added: int) -> None:
    with memory_app(**config) as app:
        set_up_logging(app.settings)
        for _ in range(5):
            add_handlers(app)
        assert len(OURS.handlers) == 1 + added
        assert min(handler.level for handler in OURS.handlers) == OURS.level
