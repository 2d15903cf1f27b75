"""What outlives an invocation: settings, connections, secrets that rotate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.exceptions import ConfigError, ServerRefusedError, ServerUnavailableError
from mrq.ports.spans import NoSpans
from mrq_lambda import secretvalues
from mrq_lambda.sandbox import LAST_CALLS, LONGEST_SLEEP, Sandbox
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mrq.app import App

pytestmark = pytest.mark.usefixtures("own_logging")
CONTEXT = FakeContext(3600.0)


class Wall:
    """The time of day."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Lambda starts the function in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.argv", ["bootstrap", "--queues", "nonsense", "--help"])
    return tmp_path


@pytest.fixture
def sandbox(bundle: Path) -> Iterator[Sandbox]:
    made = Sandbox(Wall())
    yield made
    made.close()


def test_settings_come_from_the_file_in_the_bundle_and_the_environment(
    sandbox: Sandbox, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "mrq-config.py").write_text("QUEUES = ['from_file']\nGREENLETS = 3\nREDIS_PREFIX = 'file'\n")
    monkeypatch.setenv("MRQ_REDIS_PREFIX", "environment")
    settings = sandbox.app().settings
    assert (settings.queues, settings.greenlets, settings.redis_prefix) == (["from_file"], 3, "environment")


def test_spans_are_exported_before_an_invocation_ends(sandbox: Sandbox) -> None:
    flushed: list[float] = []

    class Spans(NoSpans):
        def flush(self, timeout: float) -> None:
            flushed.append(timeout)

    assert sandbox.invocation(lambda app: vars(app).get("spans"), CONTEXT) is None, (
        "nothing is made where nothing is traced"
    )
    sandbox.app().spans = Spans()  # type: ignore[misc]
    with pytest.raises(ZeroDivisionError):
        sandbox.invocation(lambda _app: 1 // 0, CONTEXT)
    sandbox.invocation(lambda _app: None, FakeContext(1.0))
    sandbox.invocation(lambda _app: None, FakeContext(0.0))
    assert flushed[0] == LAST_CALLS
    assert 0 < flushed[1] < 1, "no longer than there is time"
    assert flushed[2] == 0


def test_a_wrong_setting_is_an_error_each_time(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MRQ_GREENLETS", "many")
    for _ in range(2):
        with pytest.raises(ConfigError, match="MRQ_GREENLETS"):
            sandbox.invocation(lambda app: app, CONTEXT)


def test_warm_invocations_have_the_same_app_and_its_stores(sandbox: Sandbox) -> None:
    first = sandbox.invocation(lambda app: (app, app.jobs), CONTEXT)
    assert sandbox.invocation(lambda app: (app, app.jobs), CONTEXT) == first


@pytest.mark.parametrize("slept", [LONGEST_SLEEP + 1, -5.0], ids=["long", "the clock was set back"])
def test_after_a_long_freeze_connections_are_new(sandbox: Sandbox, slept: float) -> None:
    wall: Any = sandbox._wall
    app, jobs = sandbox.invocation(lambda app: (app, app.jobs), CONTEXT)
    wall.now += slept
    again, new = sandbox.invocation(lambda app: (app, app.jobs), CONTEXT)
    assert again is app
    assert new is not jobs


def test_before_the_freeze_those_are_called_who_were_to_be_woken(sandbox: Sandbox) -> None:
    waited: list[float] = []

    class Waker:
        def wait(self, timeout: float) -> bool:
            waited.append(timeout)
            return False

    def work(app: App) -> None:
        app.enqueuer.waker = Waker()  # type: ignore[assignment]
        raise KeyError("the work fails")

    with pytest.raises(KeyError):
        sandbox.invocation(work, CONTEXT)
    assert waited == [LAST_CALLS]


# ---- secrets

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mrq"


def secret(name: str, value: str) -> str:
    import boto3

    arn: str = boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]
    return arn


def test_a_secret_is_a_url(aws: None) -> None:
    assert secretvalues.fetch(secret("url", "redis://:password@host")) == "redis://:password@host"


def test_a_key_of_a_secret_is_named_as_ecs_does(aws: None) -> None:
    arn = secret("both", '{"mongodb": "mongodb://host/mrq", "n": 1}')
    assert secretvalues.fetch(f"{arn}:mongodb::") == "mongodb://host/mrq"
    for key, complaint in (("redis", "has no key 'redis'"), ("n", "is no text")):
        with pytest.raises(ConfigError, match=complaint):
            secretvalues.fetch(f"{arn}:{key}::")
    with pytest.raises(ConfigError, match="is no JSON"):
        secretvalues.fetch(secret("plain", "mongodb://secret@host") + ":key::")


def test_a_parameter_is_decrypted(aws: None) -> None:
    import boto3

    boto3.client("ssm").put_parameter(Name="/mrq/redis", Value="redis://host", Type="SecureString")
    arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/mrq/redis"
    assert secretvalues.fetch(arn) == "redis://host"


@pytest.mark.parametrize("arn", [f"{SECRET}-none", "arn:aws:ssm:eu-west-1:123456789012:parameter/none"])
def test_a_secret_that_is_not_there_is_explained(aws: None, arn: str) -> None:
    with pytest.raises(ConfigError, match=r"can't be read: .*may the function's role read it"):
        secretvalues.fetch(arn)


def test_what_is_no_arn_is_left_alone() -> None:
    assert secretvalues.is_secret(SECRET)
    for value in ("mongodb://host", "arn:aws:s3:::bucket", "redis://:$(NAME)@host", "0", None, object()):
        assert not secretvalues.is_secret(value)


def test_a_secret_may_be_a_part_of_a_url(aws: None) -> None:
    arn = secret("cache", '{"username": "mrq", "password": "p@ss/word"}')
    url = f"rediss://mrq:$({arn}:password::)@host:6379/0"
    assert secretvalues.is_secret(url)
    assert secretvalues.revealed(url) == "rediss://mrq:p%40ss%2Fword@host:6379/0"


class Server:
    """Lets those in who have the right url."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
        self.url = "mongodb://user:first@host/mrq"
        self.fetched = 0
        self.asked: list[str] = []
        self.error = error
        monkeypatch.setenv("MRQ_MONGODB_JOBS", SECRET)
        monkeypatch.setattr(secretvalues, "fetch", self.fetch)
        monkeypatch.setattr("mrq.stores.mongo_jobs.MongoJobStore.ping", self.ping)
        monkeypatch.setattr("mrq.stores.redis_wakeups.RedisWakeups.ping", lambda _: "fine")
        self.stored = self.url

    def fetch(self, arn: str) -> str:
        self.fetched += 1
        return self.stored

    def ping(self) -> str:
        from mrq.app import get_app

        used = get_app().config["mongodb_jobs"]
        self.asked.append(used)
        if used != self.url:
            raise self.error("no")
        return "fine"

    def rotate(self) -> None:
        self.url = self.stored = "mongodb://user:second@host/mrq"


@pytest.mark.parametrize("error", [ServerRefusedError, ServerUnavailableError])
def test_a_rotated_secret_is_read_again_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    server, runs = Server(monkeypatch, error), []

    def work(app: App) -> str:
        runs.append(1)
        return str(app.config["mongodb_jobs"])

    assert sandbox.invocation(work, CONTEXT) == sandbox.invocation(work, CONTEXT) == "mongodb://user:first@host/mrq"
    assert server.fetched == 1, "it is kept"
    server.rotate()
    assert sandbox.invocation(work, CONTEXT) == "mongodb://user:second@host/mrq"
    assert server.fetched == 2
    assert len(runs) == 3, "the work is done once an invocation"


def test_a_server_that_is_away_for_another_reason_is_reported(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(monkeypatch, ServerUnavailableError)
    server.url = "another"

    def work(app: App) -> None:
        app.jobs.ping()

    with pytest.raises(ServerUnavailableError):
        sandbox.invocation(work, CONTEXT)


def test_without_secrets_nothing_is_asked_beforehand(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, ServerUnavailableError)
    monkeypatch.setenv("MRQ_MONGODB_JOBS", "mongodb://host/mrq")
    assert sandbox.invocation(lambda app: 1, CONTEXT) == 1
    assert (server.asked, server.fetched) == ([], 0)
