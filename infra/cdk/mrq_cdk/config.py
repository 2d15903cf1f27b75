"""What is deployed: a size, and what a config file or the CDK's context say otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrq.domain.plain import check_keys, from_plain
from mrq.exceptions import ConfigError
from mrq_cdk.bundle import HERE, VERSIONS
from mrq_cdk.checks import RETENTION, check_choice, check_flag, check_name, check_text
from mrq_cdk.dashboard import DashboardProps
from mrq_cdk.dataprops import DataProps
from mrq_cdk.functions import FunctionProps
from mrq_cdk.groups import BurstProps, GroupProps, WorkersProps
from mrq_cdk.network import NetworkProps
from mrq_cdk.observability import ObservabilityProps
from mrq_cdk.sizes import SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).parents[1] / "project"
"""Deployed where no project is named."""


@dataclass(frozen=True, slots=True)
class MrqConfig:
    """What `MrqStack` is made of.

    Args:
        name: of the stack, and the beginning of names in it. Two stacks in one account and region need two.
        groups: the worker groups; at least one.
        network: the VPC; where there is no NAT gateway, endpoints for all that is called are added.
        data: MongoDB and Redis.
        observability: alarms and a budget.
        project: folder with mrq-config.py and your tasks; requirements.txt in it is installed too.
        image: name of an image of workers in a registry; None: it is built, see `mrq_cdk.image`.
        ca_bundle: file with Amazon's certificates for DocumentDB; empty: they are fetched.
        python: version of Python of the functions.
        own_key: everything is encrypted with a key of KMS of the stack's own, not with those that AWS manages.
        to_the_second: recurring jobs start to the second, by EventBridge Scheduler.
        namespace: of the metrics in CloudWatch; empty: MRQ for the stack mrq, MRQ/NAME for another.
        log_days: how long logs of functions are kept.
        dashboard: None: none.
        tags: of everything.
    """

    name: str = "mrq"
    groups: tuple[GroupProps, ...] = ()
    network: NetworkProps = field(default_factory=NetworkProps)
    data: DataProps = field(default_factory=DataProps)
    dashboard: DashboardProps | None = field(default_factory=DashboardProps)
    observability: ObservabilityProps = field(default_factory=ObservabilityProps)
    project: Path = EXAMPLE
    image: str | None = None
    ca_bundle: str = ""
    python: str = HERE
    own_key: bool = False
    to_the_second: bool = False
    namespace: str = ""
    log_days: int = 30
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_name("name", self.name)
        check_text("image", self.image, optional=True)
        check_choice("python", self.python, VERSIONS)
        check_flag("own_key", self.own_key)
        check_flag("to_the_second", self.to_the_second)
        if self.namespace != "":
            check_text("namespace", self.namespace)
        check_choice("log_days", self.log_days, RETENTION)
        if not self.groups:
            raise ConfigError("groups has to name at least one worker group")
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ConfigError(f"groups: two have the same name: {', '.join(names)}")
        if self.network.nat_gateways == 0 and self.has_workers:
            raise ConfigError(
                "nat_gateways is 0, and containers need a way to the registry of their image: set it to 1 or 2, or "
                "leave workers out of the groups"
            )

    @property
    def metrics(self) -> str:
        """The namespace. Two stacks in one account and region would add up in one, alarms too."""
        return self.namespace or ("MRQ" if self.name == "mrq" else f"MRQ/{self.name}")

    @property
    def has_workers(self) -> bool:
        """Whether there are containers."""
        return any(group.workers for group in self.groups)

    @property
    def called(self) -> tuple[str, ...]:
        """The services of AWS that the functions inside of the VPC call, by boto3's names."""
        services = {"secretsmanager", "lambda"}
        if self.has_workers:
            services.add("ecs")
        if self.to_the_second:
            services.add("scheduler")
        return tuple(sorted(services))

    def in_reach(self) -> NetworkProps:
        """The network, with endpoints for all that is called where there is no other way."""
        if self.network.nat_gateways or self.network.endpoints:
            return self.network
        return replace(self.network, endpoints=self.called)


def read_config(size: str = "dev", path: str | None = None, given: Mapping[str, Any] | None = None) -> MrqConfig:
    """A size with what a JSON file and `given` say otherwise; the last one wins. `groups` are replaced as a whole, the
    other objects key by key. Relative paths in the file are seen from its folder.

    Raises:
        ConfigError: the file can't be read, or a key or value is wrong; names it.
    """
    from_file = {} if path is None else _file(Path(path))
    size = from_file.pop("size", None) or size
    check_choice("size", size, SIZES)
    plain = _merged(_merged(SIZES[size], from_file), given or {})
    return config_of(plain)


def config_of(plain: Mapping[str, Any]) -> MrqConfig:
    """A config from plain values. Raises ConfigError."""
    check_keys(plain, [each.name for each in fields(MrqConfig)], "config")
    values = dict(plain)
    if isinstance(values.get("groups"), (list, tuple)):
        values["groups"] = tuple(_group(each, f"groups[{n}]") for n, each in enumerate(values["groups"]))
    for name, cls in (("network", NetworkProps), ("data", DataProps), ("observability", ObservabilityProps)):
        if name in values:
            values[name] = from_plain(cls, _tuples(values[name]), name)
    if values.get("dashboard") is not None:
        values["dashboard"] = _dashboard(values["dashboard"])
    if "project" in values:
        check_text("project", values["project"])
        values["project"] = Path(values["project"]).resolve()
    return from_plain(MrqConfig, values, "config")


def _group(given: Any, where: str) -> GroupProps:
    if not isinstance(given, dict):
        raise ConfigError(f"{where} has to be an object, not {given!r}")
    values = _tuples(given)
    for name, cls in (("workers", WorkersProps), ("burst", BurstProps)):
        if values.get(name) is not None:
            values[name] = from_plain(cls, _tuples(values[name]), f"{where}: {name}")
    return from_plain(GroupProps, values, where)


def _dashboard(given: Any) -> DashboardProps:
    values = _tuples(given)
    if isinstance(values, dict) and "function" in values:
        values["function"] = from_plain(FunctionProps, values["function"], "dashboard: function")
    return from_plain(DashboardProps, values, "dashboard")


def _tuples(given: Any) -> Any:
    """JSON has lists where props are tuples."""
    if not isinstance(given, dict):
        return given
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged


def _file(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise ConfigError(f"{path} has to hold an object, not {read!r}")
    for key in ("project", "ca_bundle"):
        if isinstance(read.get(key), str) and read[key]:
            read[key] = str((path.parent / read[key]).resolve())
    return read
