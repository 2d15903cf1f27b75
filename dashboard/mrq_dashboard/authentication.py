"""Passwords, tokens, sessions, trusted proxies: from a request to who asks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection

from mrq.exceptions import ConfigError
from mrq.settings import Settings
from mrq_dashboard.identity import How, Principal, Role
from mrq_dashboard.oidc import Provider, Someone
from mrq_dashboard.proxies import peer_of

COOKIE = "mrq_session"
SESSION_LIFE = 12 * 3600  # seconds
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}
_TOKEN, _PASSWORD = "sha256:", "scrypt:"  # what their hashes begin with
_KNOWN = {"password", "hash", "role", "queues"}


def hash_password(password: str) -> str:
    """A password as DASHBOARD_USERS has it."""
    salt = secrets.token_bytes(16)
    return f"{_PASSWORD}{_b64(salt)}:{_b64(hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT))}"


def new_token() -> tuple[str, str]:
    """A new token, and its hash as DASHBOARD_TOKENS has it."""
    token = f"mrq_{secrets.token_urlsafe(32)}"
    return token, hash_token(token)


def hash_token(token: str) -> str:
    """The hash of a token. Tokens are long and random, so a fast hash does."""
    return f"{_TOKEN}{hashlib.sha256(token.encode()).hexdigest()}"


def is_password(given: str, stored: str) -> bool:
    """Whether a password is the one that was hashed."""
    try:
        salt, expected = (base64.b64decode(part) for part in stored.removeprefix(_PASSWORD).split(":"))
    except (ValueError, binascii.Error):
        return False
    found = hashlib.scrypt(given.encode(errors="replace"), salt=salt, **_SCRYPT)
    return hmac.compare_digest(found, expected)


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


@dataclass(frozen=True, slots=True)
class Account:
    """An entry of DASHBOARD_USERS or DASHBOARD_TOKENS."""

    name: str
    secret: str  # a hash; empty: no password, the user comes through a proxy
    role: Role
    queues: tuple[str, ...] | None

    def principal(self, how: How) -> Principal:
        """Who that is."""
        return Principal(self.name, self.role, how, self.queues)


class Authentication:
    """Knows who may come in, from the settings."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError: an entry is wrong; the message names it."""
        self.users = _accounts("DASHBOARD_USERS", "password", _PASSWORD, settings.dashboard_users)
        self.tokens = _accounts("DASHBOARD_TOKENS", "hash", _TOKEN, settings.dashboard_tokens)
        self._httpauth = settings.dashboard_httpauth
        if self._httpauth and ":" not in self._httpauth:
            raise ConfigError("DASHBOARD_HTTPAUTH should be user:password")
        if self._httpauth and (name := self._httpauth.partition(":")[0]) in self.users:
            raise ConfigError(f"{name!r} is in DASHBOARD_USERS and in DASHBOARD_HTTPAUTH; each needs a name of its own")
        self.proxy_header = settings.dashboard_proxy_header
        self._proxies = [_network(text) for text in settings.dashboard_proxies]
        if self.proxy_header and not self._proxies:
            raise ConfigError(
                "DASHBOARD_PROXY_HEADER needs DASHBOARD_PROXIES, the addresses of the proxies that set it: else "
                "anybody could name himself"
            )
        self._proxy_role = _role("DASHBOARD_PROXY_ROLE", settings.dashboard_proxy_role or None)
        self._secret = settings.dashboard_secret or secrets.token_urlsafe(32)
        self.provider = Provider(settings, self._secret) if settings.dashboard_oidc_issuer else None
        self._provider_role = _role("DASHBOARD_OIDC_ROLE", settings.dashboard_oidc_role or None)
        self._group_roles = {
            group: found
            for group, role in settings.dashboard_oidc_roles.items()
            if (found := _role(f"DASHBOARD_OIDC_ROLES[{group!r}]", role)) is not None
        }
        self._sessions = URLSafeTimedSerializer(self._secret, salt="mrq session")
        self.session_name = "mrq_session"

    @property
    def proxies(self) -> list[str]:
        """The networks of the trusted proxies."""
        return [str(network) for network in self._proxies]

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked who he is."""
        return not (self.users or self.tokens or self._httpauth or self.proxy_header or self.provider)

    @property
    def has_passwords(self) -> bool:
        """Whether there is anybody who can log in."""
        return bool(self._httpauth or any(account.secret for account in self.users.values()))

    # ---- who asks

    def principal_of(self, request: HTTPConnection) -> Principal | None:
        """Who asks; None: nobody that is known."""
        if self.is_open:
            return Principal("local", Role.ADMIN, How.OPEN)
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._of_token(given.strip())
        if kind.lower() == "basic" and self._httpauth:
            return self._of_basic(given.strip())
        return self._of_proxy(request) or self._of_session(request.cookies.get(COOKIE, ""))

    def basic_name(self, request: HTTPConnection) -> str | None:
        """The name that a request gives by HTTP Basic, "" if it can't be read; None: none, or none is asked."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic" or not self._httpauth:
            return None
        try:
            return base64.b64decode(given.strip(), validate=True).partition(b":")[0].decode(errors="replace")
        except (ValueError, binascii.Error):
            return ""

    def _of_token(self, token: str) -> Principal | None:
        given, found = hash_token(token), None
        for account in self.tokens.values():
            if hmac.compare_digest(account.secret, given):
                found = account
        return None if found is None else found.principal(How.TOKEN)

    def _of_basic(self, given: str) -> Principal | None:
        try:
            user = base64.b64decode(given, validate=True)
        except (ValueError, binascii.Error):
            return None
        right = hmac.compare_digest(user, self._httpauth.encode())
        return Principal(self._httpauth.partition(":")[0], Role.ADMIN, How.BASIC) if right else None

    def _of_proxy(self, request: HTTPConnection) -> Principal | None:
        name = request.headers.get(self.proxy_header, "") if self.proxy_header else ""
        if not name or not self.is_proxy(peer_of(request)):
            return None
        account = self.users.get(name)
        if account is not None:
            return account.principal(How.PROXY)
        return None if self._proxy_role is None else Principal(name[:200], self._proxy_role, How.PROXY)

    def is_proxy(self, address: str) -> bool:
        """Whether the headers of who connects from there are believed."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def _of_session(self, cookie: str) -> Principal | None:
        if not cookie:
            return None
        try:
            name, mark, _nonce, *by_provider = self._sessions.loads(cookie, max_age=SESSION_LIFE)
        except (BadSignature, ValueError, TypeError):
            return None
        if by_provider:
            return self._of_provider(name, mark, by_provider[0])
        if mark != self._mark(name):  # the user is gone, or has another password
            return None
        if self._httpauth and name == self._httpauth.partition(":")[0]:
            return Principal(name, Role.ADMIN, How.SESSION)
        return self.users[name].principal(How.SESSION)

    def _of_provider(self, name: str, mark: str, role: str | None) -> Principal | None:
        if self.provider is None or mark != self.provider.mark:
            return None
        if role is not None:
            return Principal(name, Role(role), How.SESSION)
        account = self.users.get(name)  # who is removed from the table is out at once
        return None if account is None else account.principal(How.SESSION)

    # ---- sessions

    def log_in(self, name: str, password: str) -> str | None:
        """The cookie of a new session; None: wrong name or password."""
        plain = f"{name}:{password}".encode(errors="replace")
        right = bool(self._httpauth) and hmac.compare_digest(plain, self._httpauth.encode())
        if not right:
            account = self.users.get(name)
            # who doesn't exist takes as long as who does
            right = is_password(password, account.secret if account and account.secret else _NOBODY)
            right = right and account is not None and bool(account.secret)
        return str(self._sessions.dumps([name, self._mark(name), _nonce()])) if right else None

    def log_in_by_provider(self, found: Someone) -> str | None:
        """The cookie of a new session of somebody whom the provider knows; None: he may not come in."""
        if self.provider is None:
            return None
        role: Role | None = None
        if found.name not in self.users:
            roles = [self._group_roles[group] for group in found.groups if group in self._group_roles]
            role = max(roles, key=list(Role).index, default=self._provider_role)
            if role is None:
                return None
        told = [found.name, self.provider.mark, _nonce(), None if role is None else role.value]
        return str(self._sessions.dumps(told))

    def csrf_token(self, cookie: str) -> str:
        """What a page of ours knows and one of others doesn't."""
        return hmac.new(self._secret.encode(), f"csrf {cookie}".encode(), hashlib.sha256).hexdigest()

    def is_csrf_token(self, given: str, cookie: str) -> bool:
        """Whether it is that."""
        return hmac.compare_digest(given.encode(), self.csrf_token(cookie).encode())

    def _mark(self, name: Any) -> str:
        """Changes with the password."""
        account = self.users.get(name) if isinstance(name, str) else None
        kept = account.secret if account is not None else ""
        if self._httpauth and name == self._httpauth.partition(":")[0]:
            kept = self._httpauth
        return (
            hmac.new(self._secret.encode(), f"mark {kept}".encode(), hashlib.sha256).hexdigest()[:16] if kept else "-"
        )


def _nonce() -> str:
    """No two sessions have the same cookie: each can be ended alone."""
    return secrets.token_urlsafe(9)


_NOBODY = f"{_PASSWORD}{_b64(bytes(16))}:{_b64(bytes(64))}"


def _accounts(setting: str, secret: str, prefix: str, table: Mapping[str, Mapping[str, Any]]) -> dict[str, Account]:
    found: dict[str, Account] = {}
    for name, entry in table.items():
        where = f"{setting}[{name!r}]"
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{where} should be a dict, such as {{'role': 'viewer', {secret!r}: '{prefix}...'}}")
        if unknown := set(entry) - _KNOWN:
            raise ConfigError(f"{where} has an unknown key {sorted(unknown)[0]!r}; known are {secret}, role, queues")
        stored = entry.get(secret) or ""
        if stored and not str(stored).startswith(prefix):
            make = "mrq dashboard --hash_password" if prefix == _PASSWORD else "mrq dashboard --new_token"
            raise ConfigError(f"{where}[{secret!r}] should be a hash as {make} makes it, it begins with {prefix!r}")
        if not stored and prefix == _TOKEN:
            raise ConfigError(f"{where} has no hash; mrq dashboard --new_token makes one")
        role = _role(where, entry.get("role", Role.VIEWER))
        found[name] = Account(name, str(stored), role or Role.VIEWER, _scope(where, entry.get("queues")))
    return found


def _role(where: str, name: str | None) -> Role | None:
    if name is None:
        return None
    try:
        return Role(name)
    except ValueError:
        raise ConfigError(f"{where}: {name!r} is no role; these are: {', '.join(Role)}") from None


def _scope(where: str, queues: Any) -> tuple[str, ...] | None:
    if queues is None:
        return None
    if isinstance(queues, str) or not isinstance(queues, Sequence) or not all(isinstance(q, str) and q for q in queues):
        raise ConfigError(f"{where}['queues'] should be a list of queues; 'q/' means all subqueues of q")
    return tuple(queues)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f"DASHBOARD_PROXIES: {text!r} is no address and no network such as 10.0.0.0/8") from None
