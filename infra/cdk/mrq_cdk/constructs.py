"""What programs import: all constructs and their props, once Node was found."""

from __future__ import annotations

from mrq_cdk.node import require_node

require_node()

from mrq_cdk.bundle import Bundles
from mrq_cdk.burst import MrqBurst
from mrq_cdk.config import MrqConfig, config_of, read_config
from mrq_cdk.dashboard import DashboardProps, MrqDashboard
from mrq_cdk.data import Connections, MrqData
from mrq_cdk.dataprops import DataProps
from mrq_cdk.dispatcher import MrqDispatcher
from mrq_cdk.functions import FunctionProps, Surroundings
from mrq_cdk.groups import BurstProps, GroupProps, WorkersProps
from mrq_cdk.image import Images
from mrq_cdk.network import MrqNetwork, NetworkProps
from mrq_cdk.observability import MrqObservability, ObservabilityProps
from mrq_cdk.rotation import MrqRotation
from mrq_cdk.scheduler import MrqScheduler
from mrq_cdk.stack import MrqStack
from mrq_cdk.workers import MrqWorkers

__all__ = [
    "Bundles",
    "BurstProps",
    "Connections",
    "DashboardProps",
    "DataProps",
    "FunctionProps",
    "GroupProps",
    "Images",
    "MrqBurst",
    "MrqConfig",
    "MrqDashboard",
    "MrqData",
    "MrqDispatcher",
    "MrqNetwork",
    "MrqObservability",
    "MrqRotation",
    "MrqScheduler",
    "MrqStack",
    "MrqWorkers",
    "NetworkProps",
    "ObservabilityProps",
    "Surroundings",
    "WorkersProps",
    "config_of",
    "read_config",
]
