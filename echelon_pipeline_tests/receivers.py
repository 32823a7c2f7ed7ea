"""Receivers of alerts on loopback: a webhook and a mail server, as real servers.

Belongs here: servers that record what they receive. What they must receive is stated by the tests.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """``answers``: status of each of the next requests; then 200. ``received``: bodies of accepted requests."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0


@contextmanager
def webhook(path: str = "/hook") -> Iterator[Webhook]:
    """A webhook on loopback."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.requests += 1
            status = hook.answers.pop(0) if hook.answers else 200
            if status == 200:
                hook.received.append(json.loads(body))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{hook.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the superclass
            """Prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}{path}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


class _Mailbox(socketserver.ThreadingTCPServer):
    """Takes every mail. ``offers``: lines of its greeting."""

    offers: tuple[str, ...] = ()
    mails: list[str]


class _Conversation(socketserver.StreamRequestHandler):
    server: _Mailbox

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def handle(self) -> None:
        self.say("220 loopback")
        for raw in self.rfile:
            verb = raw.decode().strip().partition(" ")[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            self.answer(verb, raw.decode().strip())

    def answer(self, verb: str, line: str) -> None:
        match verb:
            case "EHLO":
                self.say("250-loopback", *self.server.offers, "250 8BITMIME")
            case "AUTH":
                self.server.mails.append(line)
                self.say("235 ok")
            case "DATA":
                self.say("354 go on")
                self.server.mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self.say("250 taken")
            case _:
                self.say("250 ok")


@contextmanager
def mail_server(*, login: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A mail server on loopback: its port, and what it takes. ``login``: it offers one."""
    with _Mailbox(("127.0.0.1", 0), _Conversation) as server:
        server.mails = []
        server.offers = ("250-AUTH PLAIN",) if login else ()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1]), server.mails
        finally:
            server.shutdown()
            thread.join()
