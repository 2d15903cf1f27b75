"""The three sizes, as what a config file says otherwise. What a config file does say comes before it."""

from __future__ import annotations

from typing import Any

QUEUES = ["default"]

SIZES: dict[str, dict[str, Any]] = {
    # The cheapest that is whole: no NAT gateway, one small instance, bursts only. Its data may be lost.
    "dev": {
        "network": {"nat_gateways": 0, "log_days": 7},
        "data": {"instance": "t4g.medium", "instances": 1, "backup_days": 1, "protected": False, "log_days": 7},
        "groups": [{"name": "main", "queues": QUEUES, "burst": {"most": 10, "reserved": False}}],
        "observability": {},
        "log_days": 7,
    },
    # Containers for the steady load, bursts for what comes beyond it; a fail-over loses nothing.
    "standard": {
        "network": {"nat_gateways": 1, "log_days": 30},
        "data": {"instance": "r6g.large", "instances": 2, "backup_days": 7, "protected": True,
                 "keep_data": True, "cache_gb": 5, "cache_ecpu": 10_000, "log_days": 90},
        "groups": [
            {
                "name": "main",
                "queues": QUEUES,
                "workers": {"cpu": 1024, "memory_mb": 2048, "greenlets": 20, "least": 0, "most": 10, "spot_share": 0.5},
                "burst": {"most": 50},
            }
        ],
        "observability": {},
        "log_days": 30,
    },
    "large": {
        "network": {"nat_gateways": 2, "log_days": 90},
        "data": {"instance": "r6g.2xlarge", "instances": 3, "backup_days": 14, "protected": True,
                 "keep_data": True, "cache_gb": 50, "cache_ecpu": 100_000, "log_days": 365},
        "groups": [
            {
                "name": "main",
                "queues": QUEUES,
                "workers": {"cpu": 2048, "memory_mb": 4096, "greenlets": 50, "least": 2, "most": 100,
                            "spot_share": 0.7},
                "burst": {"most": 400},
            }
        ],
        "observability": {},
        "log_days": 90,
    },
}  # fmt: skip
