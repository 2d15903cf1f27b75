"""Services of ECS: how many containers run, and how many there are to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrq.exceptions import MrqError

if TYPE_CHECKING:
    from mrq.domain.groupcloud import EcsService


class NoServiceError(MrqError):
    """A worker group names a service that can't be sized."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Tasks that run, and how many are wanted."""

    running: int
    desired: int

    @property
    def starting(self) -> int:
        """Tasks that are wanted and don't run yet."""
        return max(0, self.desired - self.running)


def state_of(client: Any, where: EcsService) -> ServiceState:
    """A service as it is. `client`: boto3's for ECS.

    Raises:
        NoServiceError: there is none, or it is being deleted.
        BotoCoreError, ClientError: ECS doesn't say.
    """
    found = client.describe_services(cluster=where.cluster, services=[where.service])
    service = next(iter(found["services"]), None)
    if service is None or service["status"] != "ACTIVE":
        reasons = [failure.get("reason") for failure in found.get("failures") or ()]
        why = service["status"] if service is not None else ", ".join(filter(None, reasons)) or "MISSING"
        raise NoServiceError(f"ecs: cluster {where.cluster} has no service {where.service} that could be sized ({why})")
    return ServiceState(service["runningCount"], service["desiredCount"])


def set_desired(client: Any, where: EcsService, tasks: int) -> None:
    """Have so many tasks run. Raises BotoCoreError, ClientError."""
    client.update_service(cluster=where.cluster, service=where.service, desiredCount=tasks)
