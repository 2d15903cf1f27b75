"""An OpenID Connect provider for tests: real keys, real signatures, on a port of this host."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, PASSWORD = "mrq dashboard", "s3cr:et"


class OidcProvider:
    """Log in with `log_in`, as the provider's own page would. `claims`: what the next tokens say, beside the usual."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"email": "anna@example.org", "email_verified": True}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.signing_key: Any = self.key
        self.algorithm, self.kid = "RS256", "one"
        self.answer: Any = None  # instead of a token
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                self._say(200, provider._documents().get(self.path))

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                fields = {name: values[0] for name, values in parse_qs(body).items()}
                self._say(*provider._token(fields, self.headers.get("authorization", "")))

            def _say(self, status: int, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(status if document is not None else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realm"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def log_in(self, asked: dict[str, str]) -> str:
        """Somebody logs in after the dashboard has asked this; the code that his browser brings back."""
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        return code

    def _documents(self) -> dict[str, Any]:
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {
            "/realm/.well-known/openid-configuration": {
                "issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "token_endpoint": f"{self.issuer}/token",
                "authorization_endpoint": f"{self.issuer}/login?theme=dark",
            },
            "/realm/keys": {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]},
        }  # fmt: skip

    def _token(self, fields: dict[str, str], authorization: str) -> tuple[int, Any]:
        if self.answer is not None:
            return 200, self.answer
        asked = self._codes.pop(fields.get("code", ""), None)  # a code is good once
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(fields.get("code_verifier", "").encode()).digest())
        right = (
            asked is not None
            and (unquote(user), unquote(password)) == (CLIENT, PASSWORD)
            and challenge.decode().rstrip("=") == asked["code_challenge"]
            and fields["redirect_uri"] == asked["redirect_uri"]
        )
        if not right or asked is None:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.token(asked["nonce"])}

    def token(self, nonce: str) -> str:
        """A signed token."""
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300, "nonce": nonce}
        said = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        return jwt.encode(said, self.signing_key, algorithm=self.algorithm, headers={"kid": self.kid})
