"""The workers' image: MRQ's Dockerfile with the user's project on top, an image of the user's `FROM` ours, or one that
is in a registry already. Docker is needed when it is deployed, not when it is synthesized."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs

from mrq.domain.prices import Architecture
from mrq.exceptions import ConfigError
from mrq_cdk.bundle import LEFT_OUT, ROOT, constraints_of
from mrq_cdk.certificates import CERTIFICATES, certificates

if TYPE_CHECKING:
    from constructs import Construct

CHECKOUT = Path(__file__).parents[3]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "requirements/build.lock", "requirements/container.lock",
         "requirements/lambda.lock", "requirements/lambda-dashboard.lock", "requirements/dashboard.lock",
         "requirements/node.lock", "core", "adapters", "dashboard", "examples")  # fmt: skip
"""Of the checkout, that the Dockerfile copies."""

ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[a-z0-9._/-]+)(:(?P<tag>[A-Za-z0-9_.-]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""Name of an image in a registry of AWS's."""

FOLDER = "/etc/ssl/mrq"  # of the certificates

PLATFORMS = {Architecture.ARM: assets.Platform.LINUX_ARM64, Architecture.X86: assets.Platform.LINUX_AMD64}

LIBRARIES = """
FROM build AS libraries
COPY project/requirements.txt constraints.txt ./
RUN /tools/bin/pip --python /opt/mrq/bin/python install --constraint constraints.txt --requirement requirements.txt
"""

ON_TOP = """
FROM worker
{libraries}COPY --chown=root:root --chmod=0444 {certificates} {folder}/{certificates}
COPY --chown=root:root --chmod=0444 {certificates} {functions}/{certificates}
COPY --chown=mrq:mrq project ./
"""


@dataclass(frozen=True, slots=True)
class Images:
    """Where the workers' image comes from.

    Args:
        project: the user's folder, as for functions. A Dockerfile in it makes the image, `FROM mrq-cloud`.
        certificates: as for functions.
        image: name of an image in a registry, which is used as it is; None: it is built.
    """

    project: Path
    certificates: str | None = ""
    image: str | None = None

    def of(self, scope: Construct, architecture: Architecture) -> ecs.ContainerImage:
        """The image.

        Raises:
            ConfigError: there is no checkout to build it from, or the certificates can't be had.
        """
        if self.image is not None:
            return _in_registry(scope, self.image)
        platform = PLATFORMS[architecture]
        if (self.project / "Dockerfile").exists():
            return ecs.ContainerImage.from_asset(str(self.project), platform=platform)
        with TemporaryDirectory() as folder:
            build_context(Path(folder), self.project, self._certificates(scope))
            asset = assets.DockerImageAsset(scope, "Image", directory=folder, platform=platform)
        return ecs.ContainerImage.from_docker_image_asset(asset)

    def _certificates(self, scope: Construct) -> Path | None:
        if self.certificates is None or not Stack.of(scope).bundling_required:
            return None
        return certificates(self.certificates)


def _in_registry(scope: Construct, name: str) -> ecs.ContainerImage:
    """An image by its name. To one in ECR the role that starts containers gets its rights; others have to be public."""
    found = ECR.fullmatch(name)
    if found is None:
        return ecs.ContainerImage.from_registry(name)
    arn = Stack.of(scope).format_arn(
        service="ecr", resource="repository", resource_name=found["repository"], account=found["account"],
        region=found["region"],
    )  # fmt: skip
    repository = ecr.Repository.from_repository_attributes(
        scope, "Repository", repository_arn=arn, repository_name=found["repository"]
    )
    return ecs.ContainerImage.from_ecr_repository(repository, found["digest"] or found["tag"] or "latest")


def build_context(folder: Path, project: Path, trusted: Path | None) -> None:
    """Put together what the image is built from: MRQ's Dockerfile, what it copies, and the project.

    Raises:
        ConfigError: this is no checkout.
    """
    if not (CHECKOUT / "Dockerfile").exists():
        raise ConfigError("the image is built from a checkout of MRQ; in an installed mrq-cloud say which one to use "
                          "with image, or put a Dockerfile into the project")  # fmt: skip
    for part in PARTS:
        source, target = CHECKOUT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "node_modules", "dist", "*.tsbuildinfo")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copyfile(source, target)
    shutil.copytree(project, folder / "project", ignore=LEFT_OUT)
    own = project / "requirements.txt"
    if own.exists():
        shutil.copyfile(own, folder / "project" / "requirements.txt")
        (folder / "constraints.txt").write_text(constraints_of("container"), encoding="utf-8")
    (folder / CERTIFICATES).write_bytes(b"" if trusted is None else trusted.read_bytes())
    ours = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    top = ON_TOP.format(
        libraries="COPY --from=libraries /opt/mrq /opt/mrq\n" if own.exists() else "",
        certificates=CERTIFICATES, folder=FOLDER, functions=ROOT,
    )  # fmt: skip
    (folder / "Dockerfile").write_text(ours + (LIBRARIES if own.exists() else "") + top, encoding="utf-8")
