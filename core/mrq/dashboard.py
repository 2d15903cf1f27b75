"""A name of MRQ 0.9 whose feature is a package of its own now."""

from __future__ import annotations

raise ImportError(
    "mrq.dashboard is the package mrq_dashboard now: `mrq dashboard` runs it, and "
    "mrq_dashboard.application.create_app() is its ASGI application"
)
