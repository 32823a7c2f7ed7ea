"""Where alerts go: a webhook that takes JSON, and a mail server.

Belongs here: one attempt to deliver. A failed attempt gives a reason, which never contains the address: the URL of a
webhook is a secret. ``urllib`` is used because other clients write URLs to their logs.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from echelon_pipeline.settings import Settings

TIMEOUT = 8.0  # seconds per attempt: a tick of a sensor may last for 60


@dataclass(frozen=True)
class Message:
    """An alert as it is sent. ``times``: how often it was raised since it was last sent, from ``first_at`` on."""

    key: str
    title: str
    text: str
    severity: str
    details: dict[str, str]
    first_at: float
    times: int

    @property
    def body(self) -> str:
        """All of it as text."""
        lines = [self.text, *(f"{name}: {value}" for name, value in self.details.items())]
        if self.times > 1:
            lines.append(f"{self.times} times since {datetime.fromtimestamp(self.first_at, UTC):%Y-%m-%d %H:%M} UTC")
        return "\n".join(line for line in lines if line)


# Sends a message; returns the reason if it was not accepted, else "".
Send = Callable[[Message], str]


def destinations(settings: Settings) -> dict[str, Send]:
    """The configured destinations, by name."""
    found: dict[str, Send] = {}
    if settings.alert_webhook is not None:
        url = settings.alert_webhook.get_secret_value()
        found["webhook"] = lambda message: to_webhook(url, message)
    if settings.alert_smtp is not None:
        server = settings.alert_smtp.get_secret_value()
        found["mail"] = lambda message: to_mail(server, settings, message)
    return found


class _NoRedirects(request.HTTPRedirectHandler):
    """A redirect would send the alert to an address that no setting names."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


def to_webhook(url: str, message: Message) -> str:
    """Posts JSON: ``text`` for chat systems, the parts for programs."""
    parts = {
        "text": f"[{message.severity}] {message.title}\n{message.body}",
        "title": message.title,
        "severity": message.severity,
        "key": message.key,
        "times": message.times,
        "first_at": datetime.fromtimestamp(message.first_at, UTC).isoformat(),
        "details": message.details,
    }
    headers = {"Content-Type": "application/json", "User-Agent": "echelon-pipeline"}
    posted = request.Request(url, data=json.dumps(parts).encode(), headers=headers, method="POST")  # noqa: S310 - http(s)
    try:
        with request.build_opener(_NoRedirects).open(posted, timeout=TIMEOUT) as answer:
            return "" if 200 <= answer.status < 300 else f"the webhook answered {answer.status}"
    except HTTPError as error:
        error.close()
        return f"the webhook answered {error.code}"
    except URLError as error:
        return f"the webhook cannot be reached ({_kind(error.reason)})"
    except (OSError, http.client.HTTPException) as error:
        return f"the webhook cannot be reached ({_kind(error)})"


def to_mail(server: str, settings: Settings, message: Message) -> str:
    """Sends a mail to all recipients. A password is sent over TLS only, except to this machine."""
    place = urlsplit(server)
    host = place.hostname or ""
    mail = EmailMessage()
    mail["Subject"] = f"[echelon] {message.severity}: {message.title}"
    mail["From"] = settings.alert_sender or settings.alert_recipients[0]
    mail["To"] = ", ".join(settings.alert_recipients)
    mail.set_content(message.body + "\n")
    try:
        with _connected(place.scheme, host, place.port) as client:
            if place.username is not None:
                client.login(unquote(place.username), unquote(place.password or ""))
            client.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        return f"the mail server did not take the mail ({_kind(error)})"
    return ""


def _connected(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT, context=ssl.create_default_context())
    client = smtplib.SMTP(host, port or 587, timeout=TIMEOUT)
    client.ehlo()
    if client.has_extn("starttls"):
        client.starttls(context=ssl.create_default_context())
    elif host not in ("localhost", "127.0.0.1", "::1"):
        client.close()
        raise smtplib.SMTPNotSupportedError("the server offers no TLS")
    return client


def _kind(error: object) -> str:
    """The class of an error: its text may contain the address."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}"
