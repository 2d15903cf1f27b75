"""What is in a function's zip: MRQ, the libraries of its extra, and the user's project. Made by pip alone, without
Docker; the same input gives the same bytes, so that a deployment without a change changes nothing."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack
from aws_cdk import aws_lambda as lambda_

from mrq.domain.prices import Architecture
from mrq.exceptions import ConfigError
from mrq_cdk.certificates import CERTIFICATES, certificates
from mrq_cdk.checks import check_choice

if TYPE_CHECKING:
    from constructs import Construct

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""Of Python, that Lambda has and MRQ runs on."""

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
ROOT = "/var/task"  # where Lambda unpacks it

PAGE = "MRQ_PAGE"
"""`skip`: as for the build of a wheel, the dashboard's page is left out where it isn't built."""

LOCKS = {"dashboard": "lambda-dashboard", "rotation": None}
"""Handlers that carry more than the extra `lambda`, or less: their lock. The rotation runs no code of the user's and
opens no database."""

IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3")
"""What Lambda's Python has anyway; it is half of the size of everything else."""

LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.pyc", "node_modules", "cdk.out", "tests", "Dockerfile", "requirements*.txt"
)
"""Of the project."""

PLATFORMS = {
    Architecture.ARM: ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    Architecture.X86: ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into a zip.

    Args:
        lock: name of the lock with the libraries; None: it needs none.
        packages: MRQ's own.
        project: the user's folder, with mrq-config.py and tasks; None: none.
        certificates: where Amazon's certificates for DocumentDB are; None: it needs none.
    """

    lock: str | None
    packages: tuple[str, ...]
    architecture: Architecture
    python: str
    project: Path | None = None
    certificates: Path | None = None


@dataclass(slots=True)
class Bundles:
    """Gives functions their code, one zip for all that need the same.

    Args:
        project: the folder with the user's code.
        certificates: file or "" (fetched), see `mrq_cdk.certificates`; None: no DocumentDB is made.
        python: version of Lambda's Python. Only what this Python itself has can be compiled beforehand.
    """

    project: Path
    certificates: str | None = ""
    python: str = HERE
    _made: dict[tuple[str | None, Architecture], lambda_.Code] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_choice("python", self.python, VERSIONS)
        if not self.project.is_dir():
            raise ConfigError(f"project has to be a folder with your mrq-config.py and tasks, not {self.project}")

    @property
    def runtime(self) -> lambda_.Runtime:
        """For the CDK."""
        return lambda_.Runtime(f"python{self.python}", lambda_.RuntimeFamily.PYTHON, supports_inline_code=True)

    def code(self, scope: Construct, handler: str, architecture: Architecture) -> lambda_.Code:
        """The code of a handler. Where bundling is switched off, as in tests, it is empty.

        Raises:
            ConfigError: a library, or the certificates, can't be had.
        """
        if not Stack.of(scope).bundling_required:
            return lambda_.Code.from_inline("# bundling is switched off")
        lock = LOCKS.get(handler, "lambda")
        if (lock, architecture) not in self._made:
            with tempfile.TemporaryDirectory() as folder:
                make_bundle(self._bundle(lock, architecture), Path(folder))
                code = lambda_.Code.from_asset(folder)
                code.bind(scope)  # copies it
            self._made[lock, architecture] = code
        return self._made[lock, architecture]

    def _bundle(self, lock: str | None, architecture: Architecture) -> Bundle:
        packages = ("mrq", "mrq_lambda", *(["mrq_dashboard"] if lock == "lambda-dashboard" else []))
        if lock is None:
            return Bundle(None, packages, architecture, self.python)
        found = None if self.certificates is None else certificates(self.certificates)
        return Bundle(lock, packages, architecture, self.python, self.project, found)

    def explain(self, function: lambda_.Function) -> None:
        """Say what a function lacks because of where this runs."""
        if self.python != HERE:
            Annotations.of(function).add_warning_v2(
                "mrq:not-compiled",
                f"Its Python is {self.python} and this one {HERE}, so its code isn't compiled beforehand, and cold "
                f"starts take about three times as long. Run the CDK with Python {self.python}.",
            )


def make_bundle(bundle: Bundle, folder: Path) -> None:
    """Fill a folder with what Lambda unpacks.

    Raises:
        ConfigError: a library can't be had, or the dashboard's page wasn't built.
    """
    if bundle.lock is not None:
        _libraries(lock_of(bundle.lock), bundle, folder)
    if bundle.project is not None:
        own = bundle.project / "requirements.txt"
        if own.exists():
            _libraries(own, bundle, folder, constraints=_without(constraints_of(bundle.lock), IN_THE_RUNTIME))
        shutil.copytree(bundle.project, folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    for package in bundle.packages:
        _copy_package(package, folder / package)
    _copy_metadata(folder)
    if bundle.certificates is not None:
        shutil.copyfile(bundle.certificates, folder / CERTIFICATES)
    if bundle.python == HERE:
        compileall.compile_dir(
            folder, quiet=2, stripdir=str(folder), prependdir=ROOT, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        )


def lock_of(name: str) -> Path:
    """A lock of MRQ: in a checkout among its requirements, in an installed package beside this module."""
    for folder in (Path(__file__).parents[3] / "requirements", Path(__file__).parent / "_locks"):
        if (folder / f"{name}.lock").exists():
            return folder / f"{name}.lock"
    raise ConfigError(f"{name}.lock is missing in this installation of mrq-cloud; install it again")


def constraints_of(name: str | None) -> str:
    """The versions of a lock without hashes: what is installed beside it may not bring others. None: nothing."""
    lines = [] if name is None else lock_of(name).read_text(encoding="utf-8").splitlines()
    return "".join(f"{line.rstrip(' ' + chr(92))}\n" for line in lines if line[:1].isalnum())


def _libraries(listed: Path, bundle: Bundle, folder: Path, *, constraints: str | None = None) -> None:
    """`constraints`: of the user's own requirements; None: it is a lock of MRQ."""
    with tempfile.TemporaryDirectory() as empty:
        wanted, limits = Path(empty) / "requirements.txt", Path(empty) / "constraints.txt"
        text = listed.read_text(encoding="utf-8")
        wanted.write_text(_without(text, IN_THE_RUNTIME) if constraints is None else text, encoding="utf-8")
        limits.write_text(constraints or "", encoding="utf-8")
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
            "--no-compile", "--target", str(folder), "--only-binary", ":all:", "--implementation", "cp",
            "--python-version", bundle.python,
            *(part for platform in PLATFORMS[bundle.architecture] for part in ("--platform", platform)),
            *(["--no-deps", "--require-hashes"] if constraints is None else ["--constraint", str(limits)]),
            "--upgrade", "--requirement", str(wanted),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise ConfigError(f"pip can't get the libraries in {listed} for Lambda: {last}")
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts that name this machine's Python
    for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):  # so does the first
        for found in folder.glob(f"*.dist-info/{name}"):
            found.unlink()


def _without(lock: str, names: tuple[str, ...]) -> str:
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock)
    return "\n".join(entry for entry in entries if entry.partition("==")[0].strip() not in names) + "\n"


def _copy_package(package: str, target: Path) -> None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"{package} is not installed here; install mrq-cloud with its extra lambda")
    source = Path(spec.origin).parent
    if package == "mrq_dashboard" and not (source / "static" / "dist").is_dir() and os.environ.get(PAGE) != "skip":
        raise ConfigError(
            f"the dashboard's page isn't built: run `make ui` first, or set {PAGE}=skip for the API alone, or the "
            "config's dashboard to null for none"
        )
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _copy_metadata(folder: Path) -> None:
    """Entry points are looked up in it."""
    about = distribution("mrq-cloud")
    target = folder / f"mrq_cloud-{about.version}.dist-info"
    target.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (target / name).write_text(about.read_text(name) or "", encoding="utf-8")
