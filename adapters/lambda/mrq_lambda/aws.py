"""Clients of AWS for functions that decide for many: none of them may hang on one service."""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 2})  # seconds


@functools.cache
def client(service: str) -> Any:
    """boto3's client for a service, one a sandbox."""
    return boto3.client(service, config=CONFIG)
