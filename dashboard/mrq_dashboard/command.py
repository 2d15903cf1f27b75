"""`mrq-dashboard`, also `mrq dashboard`."""

from __future__ import annotations

import getpass
import ipaddress
import logging
import sys
from importlib.util import find_spec
from typing import Any

import click

from mrq.app import App
from mrq.cli.main import call
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.exceptions import ConfigError
from mrq.settings import Settings, load

NEEDED = ("fastapi", "itsdangerous", "uvicorn")


@click.command(cls=SettingsCommand)
@settings_options("dashboard")
@click.option("--hash_password", is_flag=True, help="Ask for a password and print its hash, for DASHBOARD_USERS.")
@click.option("--new_token", is_flag=True, help="Print a new token and its hash, for DASHBOARD_TOKENS.")
@click.pass_context
def dashboard(ctx: click.Context, /, *, hash_password: bool, new_token: bool, **_settings: Any) -> int:
    """See everything, and steer it, in a browser.

    Without users it is open to everybody on this host, so it listens on 127.0.0.1 only. To let others in, set
    DASHBOARD_USERS, DASHBOARD_TOKENS or DASHBOARD_HTTPAUTH in the config file.
    """
    from mrq_dashboard import authentication  # noqa: PLC0415 - what it needs may not be installed

    if hash_password:
        click.echo(authentication.hash_password(getpass.getpass("Password: ")))
        return 0
    if new_token:
        token, hashed = authentication.new_token()
        click.echo(f"token: {token}\nhash:  {hashed}")
        return 0
    loaded = load("dashboard", given=given_on_command_line(ctx))
    for warning in loaded.warnings:
        click.echo(f"mrq: {warning}", err=True)
    return serve(loaded.settings)


def serve(settings: Settings) -> int:
    """Serve until a signal comes; the exit code.

    Raises:
        ConfigError: a setting is wrong, or the dashboard would be open to others.
    """
    import uvicorn  # noqa: PLC0415

    from mrq_dashboard.application import create_app  # noqa: PLC0415
    from mrq_dashboard.proxies import behind_proxies  # noqa: PLC0415

    # at a lower level drivers log what they send, params included
    logging.basicConfig(level=logging.INFO, format="%(asctime)s [%(levelname)s] %(message)s")
    logging.getLogger("mrq").setLevel(settings.log_level)
    app = App(settings.as_dict())
    local = is_local(settings.dashboard_ip)
    try:
        application = create_app(app, local_only=local)
        app.audit.ensure_indexes()
        app.operations.ensure_indexes()
        where = f"[{settings.dashboard_ip}]" if ":" in settings.dashboard_ip else settings.dashboard_ip
        click.echo(f"The dashboard is at http://{where}:{settings.dashboard_port}{settings.dashboard_root_path}/")
        uvicorn.run(
            behind_proxies(application, application.state.services.authentication.proxies),
            host=settings.dashboard_ip,
            port=settings.dashboard_port,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # behind_proxies reads them: uvicorn would forget which proxy it was
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    finally:
        app.close()
    return 0


def is_local(address: str) -> bool:
    """Whether only this host can reach an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise ConfigError(f"dashboard_ip should be an address, such as 127.0.0.1, not {address!r}") from None


def main(arguments: list[str] | None = None) -> int:
    """Enter as `mrq-dashboard`; the exit code."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        click.echo(f"mrq-dashboard needs {', '.join(missing)}: pip install 'mrq-cloud[dashboard]'", err=True)
        return 2
    return call(dashboard, arguments, "mrq-dashboard")


if __name__ == "__main__":
    sys.exit(main())
