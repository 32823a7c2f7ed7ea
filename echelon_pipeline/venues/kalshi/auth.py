"""Signs requests to Kalshi: RSA-PSS or Ed25519, by the kind of the key (reference/kalshi section 5).

Belongs here: the signed text and the three headers. The client decides when to sign.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings


class Signer:
    """Headers for one key. The signed text is milliseconds + METHOD + path from the root, without query."""

    def __init__(self, key_id: str, pem: bytes, now: Callable[[], float] = time.time) -> None:
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:  # the message must not quote the key
            raise BadSettings("KALSHI_PRIVATE_KEY is not an unencrypted PEM private key") from error
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise BadSettings("KALSHI_PRIVATE_KEY is neither an RSA nor an Ed25519 key")
        self._key_id = key_id
        self._key = key
        self._now = now

    @classmethod
    def of(cls, settings: Settings) -> Signer | None:
        """The configured key; None where there is none. Raises BadSettings for an unusable one."""
        if settings.kalshi_api_key is None:
            return None
        if settings.kalshi_private_key is not None:
            pem = settings.kalshi_private_key.get_secret_value().encode()
        elif settings.kalshi_private_key_path is not None:
            try:
                pem = settings.kalshi_private_key_path.read_bytes()
            except OSError as error:
                path = settings.kalshi_private_key_path
                raise BadSettings(f"KALSHI_PRIVATE_KEY_PATH: {path} cannot be read: {error.strerror}") from error
        else:
            return None
        return cls(settings.kalshi_api_key.get_secret_value(), pem)

    def headers(self, method: str, path: str) -> dict[str, str]:
        """The three headers; made for every attempt, since the venue allows seconds of clock skew only."""
        stamp = str(int(self._now() * 1000))
        text = f"{stamp}{method.upper()}{path}".encode()
        if isinstance(self._key, RSAPrivateKey):
            signature = self._key.sign(text, PSS(mgf=MGF1(SHA256()), salt_length=SHA256().digest_size), SHA256())
        else:
            signature = self._key.sign(text)
        return {
            "KALSHI-ACCESS-KEY": self._key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }
