"""Public list prices of AWS, as data. For another region, or newer ones: `--prices FILE` with the keys that differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mrq.domain.plain import check_number, from_plain
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Architecture(StrEnum):
    """Of the processor."""

    X86 = "x86"
    ARM = "arm"


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars, without free tiers, volume discounts, savings plans, storage, network and taxes.

    us-east-1, Linux. Compared in November 2026 with guides of March 2026 that quote the two pages named in `source`.
    Spot is not a list price: it moves with supply. AWS states "up to 70 % off"; the figures here are that best case.
    """

    date: str = "2026-03"
    region: str = "us-east-1"
    source: str = "https://aws.amazon.com/lambda/pricing/ https://aws.amazon.com/fargate/pricing/"
    lambda_request: float = 0.20 / 1_000_000
    lambda_gb_second_x86: float = 0.0000166667
    lambda_gb_second_arm: float = 0.0000133334
    fargate_vcpu_hour_x86: float = 0.04048
    fargate_gb_hour_x86: float = 0.004445
    fargate_vcpu_hour_arm: float = 0.03238
    fargate_gb_hour_arm: float = 0.00356
    fargate_spot_vcpu_hour_x86: float = 0.012144
    fargate_spot_gb_hour_x86: float = 0.0013335
    fargate_spot_vcpu_hour_arm: float = 0.009714
    fargate_spot_gb_hour_arm: float = 0.001068

    def __post_init__(self) -> None:
        """Refuse what is no price."""
        for name, value in asdict(self).items():
            if name in {"date", "region", "source"}:
                if not isinstance(value, str):
                    raise ConfigError(f"{name} has to be text, not {value!r}")
            else:
                check_number(name, value, 0)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], where: str = "prices") -> Prices:
        """Prices with some of them replaced.

        Raises:
            ConfigError: an unknown key, or a value that is no price.
        """
        return from_plain(cls, given, where)

    def burst_second(self, memory_gb: float, architecture: Architecture) -> float:
        """What one second of one Lambda invocation costs."""
        rate = self.lambda_gb_second_arm if architecture is Architecture.ARM else self.lambda_gb_second_x86
        return memory_gb * rate

    def container_second(self, vcpu: float, memory_gb: float, architecture: Architecture, *, spot: bool) -> float:
        """What one second of one Fargate task costs."""
        if architecture is Architecture.ARM:
            rates = (self.fargate_vcpu_hour_arm, self.fargate_gb_hour_arm)
            spot_rates = (self.fargate_spot_vcpu_hour_arm, self.fargate_spot_gb_hour_arm)
        else:
            rates = (self.fargate_vcpu_hour_x86, self.fargate_gb_hour_x86)
            spot_rates = (self.fargate_spot_vcpu_hour_x86, self.fargate_spot_gb_hour_x86)
        of_vcpu, of_gb = spot_rates if spot else rates
        return (vcpu * of_vcpu + memory_gb * of_gb) / 3600
