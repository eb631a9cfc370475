"""A Redis server with TLS and a password: Debian's, because the Valkey of the wheel has no TLS."""

from __future__ import annotations

import ipaddress
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ml.processes import dies_with_parent
from tests.processes.site import free_port, wait_until

PASSWORD = "p@ss/word"
IN_URL = "p%40ss%2Fword"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, which is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    cert_file, key_file = folder / "certificate.pem", folder / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


@contextmanager
def redis_with_tls(folder: Path) -> Iterator[tuple[str, Path]]:
    """Run the server; yields its REDIS_URL, and the certificate that REDIS_CA_FILE has to name.

    Skips the test where redis-server is not installed.
    """
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (on Debian and Ubuntu: apt install redis-server)")
    cert_file, key_file = certificate(folder)
    port = free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": 0,
        "tls-port": port,
        "tls-cert-file": cert_file,
        "tls-key-file": key_file,
        "tls-auth-clients": "no",
        "requirepass": PASSWORD,
        "dir": folder,
        "save": '""',
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "logfile": folder / "redis.log",
    }
    server = subprocess.Popen(
        [program, "-"], stdin=subprocess.PIPE, preexec_fn=dies_with_parent(signal.SIGKILL)
    )
    assert server.stdin is not None
    with server.stdin as stdin:
        stdin.write("".join(f"{name} {value}\n" for name, value in settings.items()).encode())

    def listens() -> bool:
        assert server.poll() is None, (folder / "redis.log").read_text()
        log = folder / "redis.log"
        return log.exists() and "Ready to accept connections" in log.read_text()

    try:
        wait_until(listens, "Redis")
        yield f"rediss://:{IN_URL}@127.0.0.1:{port}/0", cert_file
    finally:
        server.kill()
        server.wait()
