"""A deployment with the CDK's own command line, to moto; and what was deployed, run in the real Lambda runtime."""

from __future__ import annotations

import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from support.dockerstub import DockerStub
from support.lambdafunctions import KEYS, Functions, moto_server
from support.lambdaruntime import LambdaSandbox
from support.motocfn import AWS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CDK = ROOT / "infra" / "cdk"
ACCOUNT, REGION = "123456789012", "eu-west-1"
REQUIRED = "MRQ_TEST_REQUIRE_CDK"
"""Variable: set where the command line has to be there, as in CI."""
LONGEST = 300  # seconds that a command may take on a busy machine

# What Lambda's Python has, besides the runtime client itself
RUNTIME = ("awslambdaric", "boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3", "jmespath")


def command_line() -> dict[str, str]:
    """The environment in which the pinned `cdk` is found. Where there is no npm, or its registry can't be reached, the
    test is skipped, or fails with the variable REQUIRED."""
    path = os.pathsep.join([str(CDK / "node_modules" / ".bin"), os.environ["PATH"], str(Path(sys.executable).parent)])
    npm = shutil.which("npm", path=path)
    if npm is None:
        missing("there is no npm for the CDK's command line: make ui brings one")
    lock, stamp = CDK / "package-lock.json", CDK / "node_modules" / ".lock"
    if not stamp.is_file() or stamp.read_bytes() != lock.read_bytes():
        arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"]
        done = subprocess.run([npm, *arguments], cwd=CDK, capture_output=True, text=True, check=False)
        if done.returncode:
            missing(f"npm can't get the CDK's command line: {done.stderr.strip().splitlines()[-1:]}")
        shutil.copyfile(lock, stamp)
    return {**os.environ, "PATH": path}


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where the variable REQUIRED says so."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what} ({REQUIRED} is set)")
    pytest.skip(what)


@dataclass
class Deployment:
    """A server of moto, and `cdk` in front of it, with a stub for Docker. `folder`: for what is written on the way."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    functions: Functions = field(init=False)
    docker: DockerStub = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Deployment:
        self.environment = command_line()
        endpoint = self._stack.enter_context(moto_server())
        self.docker = DockerStub(self.folder)
        # with the same host for both, the CDK takes the template's address for one of another kind
        self.environment |= {
            **KEYS, "AWS_ENDPOINT_URL": endpoint.replace("127.0.0.1", "localhost"), "AWS_ENDPOINT_URL_S3": endpoint,
            "CDK_DOCKER": str(self.docker.program), "CDK_DISABLE_CLI_TELEMETRY": "true", "CI": "true",
        }  # fmt: skip
        self.functions = Functions(self._sandbox)
        self._stack.callback(self.functions.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def cdk(self, *arguments: str, app: str = f"{sys.executable} app.py") -> str:
        """Run a command of the CDK as a user does, to its end; what it said. `app`: what is deployed, or a folder in
        which it has been written down."""
        # moto takes other metadata for a change
        written = [] if Path(app).is_dir() else [
            "--output", str(self.folder / "cdk.out"), "--no-path-metadata", "--no-asset-metadata",
        ]  # fmt: skip
        done = subprocess.run(
            ["cdk", *arguments, "--app", app, *written, "--no-color", "--no-notices"],
            cwd=CDK, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=LONGEST, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"cdk {' '.join(arguments)} failed:\n{done.stdout[-6000:]}"
        return done.stdout

    def _sandbox(self, name: str, configuration: Mapping[str, Any]) -> LambdaSandbox:
        code = self.folder / f"code-{configuration['CodeSha256'].replace('/', '_')}"
        if not code.exists():
            with zipfile.ZipFile(io.BytesIO(bundle_of(name))) as archive:
                archive.extractall(code)
        variables = configuration["Environment"]["Variables"]
        return LambdaSandbox(
            configuration["Handler"], code, {**variables, **KEYS, "AWS_ENDPOINT_URL": AWS.endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": name}, name=name, runtime=self._runtime(), arn=configuration["FunctionArn"],
        )  # fmt: skip

    def _runtime(self) -> Path:
        """A folder with nothing but what Lambda's Python has."""
        folder = self.folder / "runtime"
        if not folder.exists():
            folder.mkdir()
            for name in {*RUNTIME, *_needed_by("awslambdaric")}:
                for part in _parts_of(name):
                    (folder / part.name).symlink_to(part)
        return folder


def bundle_of(name: str) -> bytes:
    """The zip of a deployed function."""
    from moto.awslambda.utils import get_backend

    code = get_backend(ACCOUNT, REGION).get_function(name).code
    body: bytes = AWS["s3"].get_object(Bucket=code["S3Bucket"], Key=code["S3Key"])["Body"].read()
    return body


def _needed_by(name: str) -> set[str]:
    return {line.split(";")[0].split(">")[0].split("=")[0].split("<")[0].split("[")[0].strip()
            for line in importlib.metadata.requires(name) or [] if "extra" not in line}  # fmt: skip


def _parts_of(name: str) -> list[Path]:
    """What a library has put into site-packages."""
    found = importlib.metadata.distribution(name)
    tops = {file.parts[0] for file in found.files or [] if file.parts[0] not in {"..", "__pycache__"}}
    return [Path(str(found.locate_file(top))) for top in sorted(tops)]
