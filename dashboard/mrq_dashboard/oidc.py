"""OpenID Connect: people log in at a provider, by the authorization code flow with PKCE.

The provider's tokens are looked at once, to see who somebody is; then a session of our own begins. Nothing is kept
here between the two requests of a login: what belongs to it is in a signed cookie of the browser that began it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from itsdangerous import BadSignature, URLSafeTimedSerializer

from mrq.exceptions import ConfigError
from mrq.settings import Settings

COOKIE = "mrq_oidc"
LOGIN_LIFE = 600  # seconds that somebody may take to log in at the provider
PATIENCE = 5.0  # seconds for one answer of the provider
KEPT = 300.0  # seconds that what the provider says of itself is believed
RETRIED = 5.0  # seconds after a failure in which it isn't asked again
LARGEST = 1_000_000  # bytes of an answer
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by keys that the provider alone has. None of them is symmetric, whatever a token says of itself."""

LEEWAY = 60  # seconds that the two clocks may differ
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class ProviderError(Exception):
    """The provider doesn't answer, or not as it should."""


class NotLoggedInError(Exception):
    """The login came to nothing; says why."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a browser is sent, and what it has to bring back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Someone:
    """Who has logged in. `where`: the path on which he wanted to go on."""

    name: str
    groups: frozenset[str]
    where: str


class Provider:
    """The provider of the settings."""

    def __init__(self, settings: Settings, secret: str) -> None:
        """`secret`: signs the cookies. Raises ConfigError: a setting is missing or wrong, or PyJWT is."""
        self._issuer = settings.dashboard_oidc_issuer
        self._client, self._password = settings.dashboard_oidc_client_id, settings.dashboard_oidc_client_secret
        self._scope = settings.dashboard_oidc_scope
        self._name, self._groups = settings.dashboard_oidc_name, settings.dashboard_oidc_groups
        if not self._client:
            raise ConfigError("DASHBOARD_OIDC_ISSUER needs DASHBOARD_OIDC_CLIENT_ID too")
        if "openid" not in self._scope.split():
            raise ConfigError("DASHBOARD_OIDC_SCOPE has to have openid in it")
        _check_address("DASHBOARD_OIDC_ISSUER", self._issuer)
        if find_spec("jwt") is None or find_spec("cryptography") is None:
            raise ConfigError("DASHBOARD_OIDC_ISSUER needs PyJWT: pip install 'mrq-cloud[oidc]'")
        self._cookies = URLSafeTimedSerializer(secret, salt="mrq oidc")
        self._lock = threading.Lock()
        self._said: dict[str, Any] = {}
        self._asked = -KEPT
        self._failure, self._failed = "", float("-inf")
        self._keys: Any = None

    @property
    def mark(self) -> str:
        """Changes when another provider is set: its sessions end."""
        return hashlib.sha256(f"{self._issuer}\0{self._client}".encode()).hexdigest()[:16]

    def begin(self, back: str, where: str) -> Beginning:
        """Begin a login. `back`: our address, to which the provider sends the browser; `where`: the path to go on to.

        Raises:
            ProviderError: it doesn't say where people log in.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "client_id": self._client, "redirect_uri": back, "scope": self._scope,
            "state": state, "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        url = self._endpoint("authorization_endpoint")
        cookie = self._cookies.dumps([state, nonce, verifier, back, safe_path(where)])
        return Beginning(f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}", str(cookie))

    def finish(self, cookie: str, state: str, code: str) -> Someone:
        """End a login with what the browser brought back.

        Raises:
            NotLoggedInError: the login was not begun by this browser, or the provider's token doesn't hold.
            ProviderError: the provider doesn't answer, or refuses the code.
        """
        try:
            begun, nonce, verifier, back, where = self._cookies.loads(cookie, max_age=LOGIN_LIFE)
        except (BadSignature, ValueError, TypeError):
            raise NotLoggedInError("this login was not begun here, or took too long; try again") from None
        if not state or not hmac.compare_digest(state.encode(errors="replace"), str(begun).encode()):
            raise NotLoggedInError("this login was begun in another window; try again")
        claims = self._claims(self._token(code, verifier, back), nonce)
        return Someone(self._name_in(claims), self._groups_in(claims), safe_path(where))

    def _token(self, code: str, verifier: str, back: str) -> str:
        fields = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": self._client,
            "code_verifier": verifier,
        }  # fmt: skip
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if self._password:
            fields.pop("client_id")
            pair = f"{quote(self._client, safe='')}:{quote(self._password, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        answer = _asked(self._endpoint("token_endpoint"), urlencode(fields).encode(), headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("the provider gave no id_token")
        return token

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        import jwt  # noqa: PLC0415 - an extra, for those who use it

        try:
            key = self._key_set().get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=list(ALGORITHMS), audience=self._client, issuer=self._issuer, leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.PyJWKClientConnectionError as error:
            raise ProviderError(f"the provider's keys can't be had: {type(error).__name__}") from None
        except jwt.PyJWTError as error:
            raise NotLoggedInError(f"the provider's token doesn't hold: {error}") from None
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), str(nonce).encode()):
            raise NotLoggedInError("the provider's token is not of this login")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self._client:
            raise NotLoggedInError("the provider's token is for another program")
        return claims

    def _name_in(self, claims: Mapping[str, Any]) -> str:
        name = claims.get(self._name)
        if not isinstance(name, str) or not name or len(name) > 200:
            raise NotLoggedInError(f"the provider's token has no {self._name}, which would name the user")
        if self._name == "email" and claims.get("email_verified") is not True:
            raise NotLoggedInError("the provider has not verified the user's email")
        return name

    def _groups_in(self, claims: Mapping[str, Any]) -> frozenset[str]:
        groups = claims.get(self._groups)
        found = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return frozenset(each for each in found if isinstance(each, str))

    # ---- what the provider says of itself

    def _endpoint(self, name: str) -> str:
        url = self._metadata().get(name)
        if not isinstance(url, str):
            raise ProviderError(f"the provider says no {name}")
        try:
            _check_address(name, url)
        except ConfigError as error:
            raise ProviderError(str(error)) from None
        return url

    def _metadata(self) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() - self._asked < KEPT:
                return self._said
            if time.monotonic() - self._failed < RETRIED:
                raise ProviderError(self._failure)
        # without the lock: others don't wait behind a provider that hangs
        try:
            said = _asked(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != self._issuer:
                raise ProviderError(f"the provider calls itself {said.get('issuer')!r}, not {self._issuer!r}")
        except ProviderError as error:
            with self._lock:
                self._failure, self._failed = str(error), time.monotonic()
            raise
        with self._lock:
            self._said, self._asked, self._keys = said, time.monotonic(), None
        return said

    def _key_set(self) -> Any:
        import jwt  # noqa: PLC0415

        url = self._endpoint("jwks_uri")
        with self._lock:
            if self._keys is None:
                self._keys = jwt.PyJWKClient(url, lifespan=KEPT, timeout=PATIENCE)
            return self._keys


def safe_path(where: str) -> str:
    """A path of ours: no address of another site, however it is written. "": the first page."""
    plain = where.startswith("/") and not where.startswith(("//", "/\\")) and "\\" not in where
    return where if plain and len(where) <= 2000 and where.isprintable() else ""


def _check_address(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL):
        return
    raise ConfigError(f"{name} should begin with https://, not {url[:200]!r}")


def _asked(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object that an address answers. Raises ProviderError."""
    request = Request(url, data=body, headers={"accept": "application/json", **(headers or {})})  # noqa: S310 - checked
    try:
        with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            found = json.loads(answer.read(LARGEST))
    except (OSError, HTTPException, ValueError) as error:
        raise ProviderError(f"the provider doesn't answer as it should: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise ProviderError("the provider doesn't answer with a JSON object")
    return found
