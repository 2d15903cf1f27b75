"""A deployment with the CDK's own command line, to moto; and what was deployed, run in the real Lambda runtime."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from support.dockerstub import DockerStub
from support.lambdaruntime import LambdaSandbox
from support.motocfn import AWS, teach_moto

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
CDK = ROOT / "infra" / "cdk"
ACCOUNT, REGION = "123456789012", "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}
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
    server: Any = None
    environment: dict[str, str] = field(default_factory=dict)
    functions: Functions = field(init=False)
    docker: DockerStub = field(init=False)

    def __enter__(self) -> Deployment:
        from moto.core.config import default_user_config
        from moto.server import ThreadedMotoServer

        self.environment = command_line()
        default_user_config["lambda"] = {"use_docker": False}
        teach_moto()
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        _, port = self.server.get_host_and_port()
        AWS.of(f"http://127.0.0.1:{port}")
        # moto keeps what there is in this process, not in the server
        urllib.request.urlopen(f"{AWS.endpoint}/moto-api/reset", data=b"").close()
        self.docker = DockerStub(self.folder)
        # with the same host for both, the CDK takes the template's address for one of another kind
        self.environment |= {
            **KEYS, "AWS_ENDPOINT_URL": f"http://localhost:{port}", "AWS_ENDPOINT_URL_S3": AWS.endpoint,
            "CDK_DOCKER": str(self.docker.program), "CDK_DISABLE_CLI_TELEMETRY": "true", "CI": "true",
        }  # fmt: skip
        self.functions = Functions(self.folder, AWS.endpoint)
        return self

    def __exit__(self, *_: object) -> None:
        from moto.core.config import default_user_config

        self.functions.close()
        self.server.stop()
        default_user_config["lambda"] = {"use_docker": True}

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


class Functions:
    """Deployed functions, each in one sandbox of the real runtime, made at its first event."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        self._endpoint = endpoint
        self._sandboxes: dict[str, LambdaSandbox] = {}
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._threads: list[threading.Thread] = []
        self.invoked: list[str] = []

    def plug(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on `invoke` of moto's Lambda runs the code."""
        from moto.awslambda_simple.models import LambdaSimpleBackend

        def invoke(_: Any, name: str, _qualifier: Any, body: Any, headers: Any, answer: Any) -> bytes:
            name = name.rsplit(":", 1)[-1]
            event = json.loads(body or "{}")
            if headers.get("X-Amz-Invocation-Type") == "Event":
                self._threads.append(threading.Thread(target=self.run, args=(name, event)))
                self._threads[-1].start()
                return b""
            payload, error = self.run(name, event)
            if error is not None:
                answer["x-amz-function-error"] = "Unhandled"
            return json.dumps(payload if error is None else error).encode()

        monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)

    def run(self, name: str, event: Any) -> tuple[Any, Any]:
        """What the function returns, or its error."""
        configuration = AWS["lambda"].get_function_configuration(FunctionName=name)
        with self._lock:
            self.invoked.append(name)
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:  # a sandbox serves one event at a time
            if name not in self._sandboxes:
                self._sandboxes[name] = self._sandbox(name, configuration)
            answer = self._sandboxes[name].invoke(event, float(configuration["Timeout"]))
        return answer.payload, answer.error

    def forget(self) -> None:
        """As after a deployment: the next events get new sandboxes."""
        self.close()
        self._sandboxes.clear()

    def close(self) -> None:
        """End all sandboxes."""
        for thread in self._threads:
            thread.join(LONGEST)
        for name, sandbox in self._sandboxes.items():
            sandbox.close()
            print(f"---- log of {name}\n{sandbox.log}")

    def _sandbox(self, name: str, configuration: Mapping[str, Any]) -> LambdaSandbox:
        code = self._folder / f"code-{configuration['CodeSha256'].replace('/', '_')}"
        if not code.exists():
            with zipfile.ZipFile(io.BytesIO(bundle_of(name))) as archive:
                archive.extractall(code)
        variables = configuration["Environment"]["Variables"]
        return LambdaSandbox(
            configuration["Handler"], code, {**variables, **KEYS, "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": name}, name=name, runtime=self._runtime(), arn=configuration["FunctionArn"],
        )  # fmt: skip

    def _runtime(self) -> Path:
        """A folder with nothing but what Lambda's Python has."""
        folder = self._folder / "runtime"
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
