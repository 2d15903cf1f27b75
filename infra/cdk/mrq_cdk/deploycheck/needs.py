"""What a config needs of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrq_cdk.config import MrqConfig

UNITS = 1024  # of processor, that are one


@dataclass(frozen=True, slots=True)
class Needs:
    """Args:
    bursts: at once, at most. `reserved`: of these, reserved concurrency.
    vcpus, spot_vcpus: of all containers together, at most.
    addresses: Elastic IPs, one a NAT gateway.
    instance: of DocumentDB, such as db.t4g.medium; None: none is made.
    built: whether an image is built, for which Docker is needed.
    """

    bursts: int = 0
    reserved: int = 0
    vcpus: float = 0.0
    spot_vcpus: float = 0.0
    addresses: int = 0
    instance: str | None = None
    secrets: tuple[str, ...] = ()
    certificate: str | None = None
    built: bool = False

    @classmethod
    def of(cls, config: MrqConfig) -> Needs:
        """Those of a config."""
        bursts = [group.burst for group in config.groups if group.burst]
        workers = [group.workers for group in config.groups if group.workers]
        data = config.data
        return cls(
            bursts=sum(each.most for each in bursts),
            reserved=sum(each.most for each in bursts if each.reserved),
            vcpus=sum(each.most * each.cpu / UNITS * (1 - each.spot_share) for each in workers),
            spot_vcpus=sum(each.most * each.cpu / UNITS * each.spot_share for each in workers),
            addresses=config.network.nat_gateways,
            instance=None if data.mongodb_secret else f"db.{data.instance}",
            secrets=tuple(filter(None, (data.mongodb_secret, data.redis_secret))),
            certificate=None if config.dashboard is None else config.dashboard.certificate,
            built=bool(workers) and config.image is None,
        )
