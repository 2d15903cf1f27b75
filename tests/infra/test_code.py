"""What is in functions' zips and in the image. The one test that bundles needs pip's index, as `make setup` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mrq.domain.prices import Architecture
from mrq.exceptions import ConfigError
from mrq_cdk import bundle, certificates, image
from mrq_cdk.bundle import HERE, Bundle, Bundles, make_bundle
from support.templates import CDK, flat

pytestmark = pytest.mark.timeout(300)  # the CDK takes its time on a busy machine

ROOT = CDK.parents[1]
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(PEM)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "app/__pycache__").mkdir(parents=True)
    (folder / ".venv").mkdir()
    (folder / ".venv/secret").write_text("x")
    (folder / "tests").mkdir()
    (folder / "tests/test_it.py").write_text("")
    (folder / "app/__init__.py").write_text("")
    (folder / "app/__pycache__/old.pyc").write_text("")
    (folder / "mrq-config.py").write_text("MAX_JOBS = 1\n")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_holds_what_a_burst_needs_and_is_the_same_each_time(
    tmp_path: Path, project: Path, trusted: Path
) -> None:
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        make_bundle(Bundle("lambda", ("mrq", "mrq_lambda"), Architecture.ARM, HERE, project, trusted), folder)
        made.append(files(folder))
    first, second = made
    assert first == second
    tops = {name.partition("/")[0] for name in first}
    assert {"mrq", "mrq_lambda", "pymongo", "redis", "aws_lambda_powertools", "app", "mrq-config.py"} <= tops
    assert not tops & {"boto3", "botocore", "gevent", "fastapi", "mangum", "mrq_dashboard", "mrq_container", "tests",
                       ".venv", "bin", "pip"}  # fmt: skip
    assert first["documentdb-ca.pem"].decode() == PEM
    assert b"mrq_lambda.waking:lambda_waker" in next(
        data for name, data in first.items() if name.endswith("entry_points.txt")
    )
    assert any("aarch64" in name for name in first if name.startswith("pymongo/") and name.endswith(".so"))
    compiled = next(data for name, data in first.items() if name.startswith("mrq/__pycache__/app.cpython"))
    assert compiled[4:8] == b"\x01\x00\x00\x00", "by a hash that nobody checks: no time stamp"
    assert b"/var/task/mrq/app.py" in compiled
    assert sum(map(len, first.values())) < 50_000_000, "bytes unpacked: Lambda has to load them"
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_each_function_carries_its_extra_alone(project: Path) -> None:
    made = Bundles(project, None)
    burst = made._bundle("lambda", Architecture.ARM)
    dashboard = made._bundle(bundle.LOCKS["dashboard"], Architecture.ARM)
    assert (burst.lock, burst.packages) == ("lambda", ("mrq", "mrq_lambda"))
    assert dashboard.packages == ("mrq", "mrq_lambda", "mrq_dashboard")
    assert made._bundle(bundle.LOCKS["rotation"], Architecture.ARM).project is None
    text = bundle.lock_of("lambda").read_text()
    assert "fastapi" not in text
    assert "fastapi==" in bundle.lock_of("lambda-dashboard").read_text()
    left = bundle._without(text, bundle.IN_THE_RUNTIME)
    assert "boto3==" in text
    assert "boto3==" not in left
    assert "pymongo==" in left


def test_a_library_that_can_not_be_had_is_named(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for nothing")
    monkeypatch.setattr(bundle.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(ConfigError, match=r"lambda.lock for Lambda: ERROR: No matching distribution"):
        make_bundle(Bundle("lambda", ("mrq",), Architecture.ARM, HERE, project), tmp_path / "out")


def test_the_dashboards_page_has_to_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = type("Spec", (), {"origin": str(tmp_path / "mrq_dashboard/__init__.py")})
    (tmp_path / "mrq_dashboard").mkdir()
    monkeypatch.setattr(bundle, "find_spec", lambda _: spec)
    monkeypatch.delenv("MRQ_PAGE", raising=False)
    with pytest.raises(ConfigError, match="`make ui` first"):
        bundle._copy_package("mrq_dashboard", tmp_path / "a")
    monkeypatch.setenv("MRQ_PAGE", "skip")
    bundle._copy_package("mrq_dashboard", tmp_path / "b")


def test_another_python_is_not_compiled_for_and_said(project: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import assertions, aws_lambda

    other = next(version for version in bundle.VERSIONS if version != HERE)
    stack = cdk.Stack()
    code = aws_lambda.Code.from_inline("#")
    function = aws_lambda.Function(stack, "F", runtime=Bundles(project, None, other).runtime, handler="a.b", code=code)
    Bundles(project, None, other).explain(function)
    text = assertions.Match.string_like_regexp("three times as long")
    assert assertions.Annotations.from_stack(stack).find_warning("/Default/F", text)


# ---- certificates


def test_certificates_that_can_not_be_fetched_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(certificates, "ADDRESS", "https://127.0.0.1:1/none.pem")
    with pytest.raises(ConfigError, match=r"can't be fetched .*say where it is with ca_bundle"):
        certificates.certificates()


def test_fetched_certificates_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[Any] = []
    monkeypatch.setattr(certificates, "_fetched", lambda: asked.append(1) or PEM)
    assert certificates.certificates().read_text() == certificates.certificates().read_text() == PEM
    assert len(asked) == 1


# ---- the image


def test_the_image_is_the_repositorys_with_the_project_on_top(tmp_path: Path, project: Path, trusted: Path) -> None:
    (project / "requirements.txt").write_text("requests\n")
    folder = tmp_path / "context"
    folder.mkdir()
    image.build_context(folder, project, trusted)
    text = (folder / "Dockerfile").read_text()
    assert text.startswith((ROOT / "Dockerfile").read_text())
    last = text.split("\nFROM ")[-1].splitlines()
    assert last[0] == "worker"
    assert "COPY --chown=mrq:mrq project ./" in last
    for where in ("/etc/ssl/mrq", "/var/task"):  # a URL in a secret of one's own names one path for both engines
        assert f"COPY --chown=root:root --chmod=0444 documentdb-ca.pem {where}/documentdb-ca.pem" in last
    names = set(files(folder))
    assert {"documentdb-ca.pem", "project/mrq-config.py", "project/requirements.txt", "core/mrq/app.py"} <= names
    assert not [name for name in names if "__pycache__" in name or "node_modules" in name or ".venv" in name]
    for line in text.splitlines():
        for source in line.split()[1:-1] if line.startswith("COPY ") and "--from" not in line else []:
            if not source.startswith("--") and source != ".":
                assert (folder / source).exists(), line


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint's wheel is for Linux")
def test_hadolint_finds_nothing_in_it(tmp_path: Path, project: Path) -> None:
    (project / "requirements.txt").write_text("requests\n")
    folder = tmp_path / "context"
    folder.mkdir()
    image.build_context(folder, project, None)
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(folder / "Dockerfile")], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_an_image_of_ones_own(project: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_ecs as ecs

    stack = cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}))
    named = image.Images(project, None, "registry.example.org/mrq:1").of(stack, Architecture.ARM)
    task = ecs.FargateTaskDefinition(stack, "Task")
    container = task.add_container("c", image=named)
    assert container.image_name == "registry.example.org/mrq:1"
    (project / "Dockerfile").write_text("FROM mrq-cloud\nCOPY . .\n")
    own = image.Images(project, None).of(stack, Architecture.X86)
    assert "dkr.ecr" in str(stack.resolve(task.add_container("d", image=own).image_name))


def test_without_a_checkout_an_image_has_to_be_named(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "CHECKOUT", tmp_path)
    with pytest.raises(ConfigError, match="in an installed mrq-cloud say which one"):
        image.build_context(tmp_path / "context", project, None)


@pytest.mark.parametrize(
    ("rest", "shown"), [(":42", ":42"), ("", ":latest"), (f"@sha256:{'a' * 64}", f"@sha256:{'a' * 64}")]
)
def test_an_image_in_ecr_may_be_pulled(project: Path, rest: str, shown: str) -> None:
    import aws_cdk as cdk
    from aws_cdk import assertions
    from aws_cdk import aws_ecs as ecs

    stack = cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}))
    name = "210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/shop-worker"
    named = image.Images(project, None, name + rest).of(stack, Architecture.ARM)
    task = ecs.FargateTaskDefinition(stack, "Task")
    shows = stack.resolve(task.add_container("c", image=named).image_name)
    assert flat(shows) == f"210987654321.dkr.ecr.eu-central-1.<AWS::URLSuffix>/team/shop-worker{shown}"
    (policy,) = assertions.Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    pull = policy["Properties"]["PolicyDocument"]["Statement"][0]
    assert {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} <= set(pull["Action"])
    assert flat(pull["Resource"]).endswith(":ecr:eu-central-1:210987654321:repository/team/shop-worker")


def test_a_file_of_certificates_goes_along_with_servers_that_are_there(
    tmp_path: Path, project: Path, trusted: Path
) -> None:
    """A DocumentDB that was restored needs it too."""
    import aws_cdk as cdk

    from mrq_cdk.constructs import MrqStack, config_of

    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:restored-AbCdEf"
    group = {"name": "main", "queues": ["default"], "workers": {}}
    config = {"groups": [group], "data": {"mongodb_secret": arn}, "project": str(project)}
    for given, expected in (({}, None), ({"ca_bundle": str(trusted)}, str(trusted))):
        app = cdk.App(context={"aws:cdk:bundling-stacks": []}, outdir=str(tmp_path / f"out{len(given)}"))
        stack = MrqStack(app, config_of({**config, **given}))
        assert (stack._images.certificates, stack.around.bundles.certificates) == (expected, expected)


def test_requirements_of_the_project_keep_to_mrqs_own(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a library of theirs brings a pymongo or redis that MRQ was never tested with."""
    (project / "requirements.txt").write_text("requests\n")
    seen: list[str] = []

    def run(command: list[str], **_: Any) -> Any:
        if "--constraint" in command:
            seen.append(Path(command[command.index("--constraint") + 1]).read_text())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bundle.subprocess, "run", run)
    (tmp_path / "out").mkdir()
    make_bundle(Bundle("lambda", ("mrq",), Architecture.ARM, HERE, project), tmp_path / "out")
    (given,) = seen
    for text in (given, image_constraints(tmp_path, project)):
        assert "\npymongo==" in text
        assert "\nredis==" in text
        assert "hash" not in text
        assert "\\" not in text
    assert "boto3==" not in given, "Lambda's is as new as Lambda has it; a project may bring another"


def image_constraints(tmp_path: Path, project: Path) -> str:
    folder = tmp_path / "context"
    folder.mkdir()
    image.build_context(folder, project, None)
    assert "--constraint constraints.txt" in (folder / "Dockerfile").read_text()
    return (folder / "constraints.txt").read_text()
