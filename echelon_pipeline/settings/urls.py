"""Validates URLs in settings and removes their secrets from messages.

Belongs here: the form of a URL. A library's message about a URL that it cannot parse may contain a part of the
password, and two parsers may read one URL differently: with an unescaped ``@`` a part of the password appears as the
host in a message. So only URLs that every parser reads alike are accepted, and a refusal quotes no part of the URL.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import parse_qsl, unquote

POSTGRES = ("postgresql", "postgres", "postgresql+psycopg2")
STATE = (*POSTGRES, "sqlite")
WEB = ("https", "http")
MAIL = ("smtps", "smtp")
REDIS = ("redis", "rediss", "unix")
STORES = ("s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "r2")

_NO_HOST = {"sqlite", "unix"}  # a path follows
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_USER = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%]*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})+")
_SECRET_PARAMETERS = ("password", "sslpassword")


def check_url(text: str, schemes: Collection[str], *, credentials: bool = True) -> None:
    """Raises ValueError unless every parser reads the URL alike. The message names the fault and quotes nothing.

    ``credentials``: whether the URL may contain a user and a password.
    """
    _check_characters(text)
    match = _SCHEME.fullmatch(text)
    if match is None or match[1].lower() not in schemes:
        raise ValueError(f"expected a URL that starts with {' or '.join(f'{s}://' for s in schemes)}")
    if "#" in match[2]:
        raise ValueError("the URL contains a #: write it as %23")
    if match[1].lower() == "sqlite" and "?" in match[2]:
        raise ValueError("a SQLite URL has no parameters: write a ? in the file's name as %3F")
    if match[1].lower() in _NO_HOST:
        return
    authority, rest = re.fullmatch(r"([^/?]*)(.*)", match[2], re.DOTALL).groups()  # type: ignore[union-attr]
    if "@" in rest or authority.count("@") > 1:
        raise ValueError("the URL has more than one @, or / or ? before it: in a password write %40, %2F and %3F")
    user, at, place = authority.rpartition("@")
    if at and not credentials:
        raise ValueError("user and password do not belong in this URL: set the store's own variables instead")
    if not _USER.fullmatch(user):
        raise ValueError("user or password has a character that must be percent-encoded")
    if not place and dict(parse_qsl(rest.partition("?")[2])).get("host"):
        return  # the folder of a socket
    _check_place(place)


def is_host(text: str) -> bool:
    """Whether a text is exactly a host name or address."""
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]") if text.startswith("[") else text)
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?", text) is not None
    return True


def _check_characters(text: str) -> None:
    """Raises ValueError for characters that no part of a URL may contain."""
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("the URL contains a blank or control character: write a blank as %20")
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("the URL contains a % without two hexadecimal digits after it: write it as %25")


def _check_place(place: str) -> None:
    """Raises ValueError for an invalid host or port."""
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("the text in brackets is not an IPv6 address") from None
        if port and not port.startswith(":"):
            raise ValueError("only a port may follow the brackets of an IPv6 address")
        port = port[1:] if port else "1"
    else:
        host, colon, port = place.partition(":")
        port = port if colon else "1"
        if not host:
            raise ValueError("the URL names no host")
        if ":" in port:
            raise ValueError("the URL has too many colons: put an IPv6 address in brackets, in a password write %3A")
        if not _HOST.fullmatch(host):
            raise ValueError("the host has a character that a host name cannot have")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError("the port is not a number from 1 to 65535; in a password write : as %3A and / as %2F")


def without_secrets(message: str, url: str) -> str:
    """A message without the URL and its passwords, both as written and decoded; the server's other words stay."""
    secrets = {url}
    if match := re.match(r"[^/]*://[^/?@]*:([^/?@]*)@", url):
        secrets |= {match[1], unquote(match[1])}
    secrets |= {value for name, value in parse_qsl(url.partition("?")[2]) if name in _SECRET_PARAMETERS}
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        message = message.replace(secret, "…")
    return message
