"""Signed handshakes: the sandbox's key, and the check of a signature.

Belongs here: what Kalshi refuses at the door of its WebSocket (reference: Kalshi 5, 7). The private key is made
once per user of this machine and kept in the system's temporary folder: it opens sandboxes, nothing else.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from echelon_pipeline.errors import BadSettings

KEY_ID = "sandbox"
# What opens Polymarket's user channel here.
API_KEY = {"apiKey": f"{KEY_ID}-key", "secret": "c2FuZGJveC1zZWNyZXQ=", "passphrase": f"{KEY_ID}-passphrase"}
# Measured at the venue: 10 s either way and 30 s ahead are taken, 30 s late and 60 s either way are not.
LATE_MS, EARLY_MS = 20_000, 30_000
PublicKey = RSAPublicKey | Ed25519PublicKey


def key_file() -> Path:
    """The private key that a client of a sandbox signs with; made where there is none."""
    path = Path(tempfile.gettempdir()) / f"echelon-sandbox-{os.getuid()}.pem"
    if not path.is_file():
        pem = generate_private_key(65_537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        handle, name = tempfile.mkstemp(prefix="echelon-sandbox-")
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        try:
            os.link(name, path)  # two that start at once end with one key
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    return path


def public_key(pem: bytes) -> PublicKey:
    """From the PEM text of either half. Raises BadSettings."""
    try:
        key = load_pem_public_key(pem) if b"PUBLIC KEY" in pem else load_pem_private_key(pem, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadSettings("the sandbox's key is no unencrypted PEM key") from error
    if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
        raise BadSettings("the sandbox's key is neither an RSA nor an Ed25519 key")
    return key


class Keys:
    """Public keys by id. ``now``: Unix seconds by the wall clock, which is what clients sign with."""

    def __init__(self, keys: Mapping[str, PublicKey], now: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._now = now

    def add(self, key_id: str, pem: bytes) -> None:
        """Lets another key in. Raises BadSettings."""
        self._keys[key_id] = public_key(pem)

    def refusal(self, headers: Mapping[str, str], method: str, path: str) -> dict[str, object] | None:
        """The body of the 401 that a handshake gets; None where its signature holds."""
        key_id = headers.get("kalshi-access-key", "")
        stamp = headers.get("kalshi-access-timestamp", "")
        signature = headers.get("kalshi-access-signature", "")
        if not (key_id and stamp and signature):
            return _refused("authentication_error", "MISSING_HEADERS")
        if not stamp.isdigit() or not -EARLY_MS <= self._now() * 1000 - int(stamp) <= LATE_MS:
            return _refused("header_timestamp_expired", "")
        key = self._keys.get(key_id)
        if key is None:
            return _refused("authentication_error", "NOT_FOUND")
        if not _holds(key, signature, f"{stamp}{method}{path}".encode()):
            return _refused("authentication_error", "INCORRECT_API_KEY_SIGNATURE")
        return None


def _holds(key: PublicKey, signature: str, text: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, RSAPublicKey):
            key.verify(raw, text, PSS(mgf=MGF1(SHA256()), salt_length=SHA256().digest_size), SHA256())
        else:
            key.verify(raw, text)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _refused(code: str, details: str) -> dict[str, object]:
    words = code.replace("_", " ")
    return {"error": {"code": code, "message": words} | ({"details": details} if details else {})}
