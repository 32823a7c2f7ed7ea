"""Signed handshakes: the sandbox's key, and the check of a signature.

Belongs here: Kalshi's refusals of WebSocket handshakes (reference: Kalshi 5, 7). The private key is generated once per
user of the machine and stored in the system's temporary folder: only sandboxes accept it.
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
# The credentials of Polymarket's user channel.
API_KEY = {"apiKey": f"{KEY_ID}-key", "secret": "c2FuZGJveC1zZWNyZXQ=", "passphrase": f"{KEY_ID}-passphrase"}
# Measured at the venue: 10 s early or late and 30 s early are accepted; 30 s late and 60 s early or late are not.
LATE_MS, EARLY_MS = 20_000, 30_000
PublicKey = RSAPublicKey | Ed25519PublicKey


def key_file() -> Path:
    """The file of the private key for clients of a sandbox; created if missing."""
    path = Path(tempfile.gettempdir()) / f"echelon-sandbox-{os.getuid()}.pem"
    if not path.is_file():
        pem = generate_private_key(65_537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        handle, name = tempfile.mkstemp(prefix="echelon-sandbox-")
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        try:
            os.link(name, path)  # two processes that start together use one key
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    return path


def public_key(pem: bytes) -> PublicKey:
    """The public key of a PEM text, public or private. Raises BadSettings."""
    try:
        key = load_pem_public_key(pem) if b"PUBLIC KEY" in pem else load_pem_private_key(pem, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadSettings("the sandbox's key is not an unencrypted PEM key") from error
    if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
        raise BadSettings("the sandbox's key is neither an RSA nor an Ed25519 key")
    return key


class Keys:
    """Public keys by id. ``now``: Unix seconds of the wall clock, which clients sign."""

    def __init__(self, keys: Mapping[str, PublicKey], now: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._now = now

    def add(self, key_id: str, pem: bytes) -> None:
        """Accepts a further key. Raises BadSettings."""
        self._keys[key_id] = public_key(pem)

    def refusal(self, headers: Mapping[str, str], method: str, path: str) -> dict[str, object] | None:
        """The body of the 401 answer to a handshake; None if its signature is valid."""
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
        if not _is_valid(key, signature, f"{stamp}{method}{path}".encode()):
            return _refused("authentication_error", "INCORRECT_API_KEY_SIGNATURE")
        return None


def _is_valid(key: PublicKey, signature: str, text: bytes) -> bool:
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
