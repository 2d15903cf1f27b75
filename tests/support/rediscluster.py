"""A stand-in for ElastiCache serverless: a server in cluster mode behind TLS, without KEYS, with one database.

The server from the wheel has no TLS, so a small proxy in this process speaks it. Clients are told the proxy's port by
the server itself, as in a real cluster.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import select
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.connection import HiredisRespSerializer, PythonRespSerializer

from mrq.embedded import EmbeddedRedis
from mrq.embedded.ask import ask_redis
from mrq.stores.redis_client import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

HOST = "127.0.0.1"
MOST_ARGUMENTS = 3_999


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "redis.crt", folder / "redis.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


class TlsProxy:
    """Takes TLS connections and hands their bytes to a port of this machine."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.target = 0
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self, target: int) -> None:
        """Serve; `target` is the port behind."""
        self.target = target
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        self._closing = True
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            pass
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with raw, contextlib.suppress(OSError):
            raw.settimeout(5)
            with (
                self._context.wrap_socket(raw, server_side=True) as client,
                socket.create_connection((HOST, self.target), timeout=5) as server,
            ):
                client.settimeout(None)
                server.settimeout(None)
                while not self._closing:
                    ready = [client] if client.pending() else select.select([client, server], [], [], 1)[0]
                    for source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        (server if source is client else client).sendall(data)


@contextmanager
def running_cluster(folder: Path) -> Iterator[str]:
    """The rediss:// url of a cluster of one."""
    certificate, key = write_certificate(folder)
    proxy = TlsProxy(certificate, key)
    server = EmbeddedRedis(
        arguments=[
            *("--cluster-enabled", "yes"),
            *("--cluster-announce-port", str(proxy.port)),
            *("--rename-command", "KEYS", ""),
        ]
    )
    with server:
        assert ask_redis(server.port, "CLUSTER ADDSLOTSRANGE 0 16383") == "+OK"
        proxy.start(server.port)
        try:
            while "cluster_state:ok" not in ask_redis(server.port, "CLUSTER INFO"):
                pass
            yield f"rediss://{HOST}:{proxy.port}?ssl_ca_certs={certificate}"
        finally:
            proxy.close()


@contextmanager
def strictly() -> Iterator[None]:
    """In this process, what a stand-in of one server lets pass is refused: scripts that touch keys of other slots than
    those declared, and requests with more arguments than ElastiCache serverless takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Script, "__call__", _strict_script)
        for packer in (HiredisRespSerializer, PythonRespSerializer):
            patch.setattr(packer, "pack", _counted(packer.pack))
        yield


def _strict_script(script: Any, redis: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
    # with this first line the server holds a script to the slot of its keys, on whatever node the others are
    return redis.eval(f"#!lua\n{script._text}", len(keys), *keys, *args)


def _counted(pack: Callable[..., Any]) -> Callable[..., Any]:
    def packed(packer: Any, *args: Any) -> Any:
        assert len(args) <= MOST_ARGUMENTS, f"{args[0]} has {len(args)} arguments"
        return pack(packer, *args)

    return packed
