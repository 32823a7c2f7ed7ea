"""Checks that a server can listen on a port, before anything is started.

Belongs here: one line that names the obstacle.
"""

from __future__ import annotations

import errno
import os
import socket

import psutil

from echelon_pipeline.errors import BadSettings


def require_port(host: str, port: int) -> None:
    """Raises BadSettings if a server cannot listen on the port. Port 0 is any free port."""
    if port > 65_535 or port < 0:
        raise BadSettings(f"port {port} does not exist: ports are 0 to 65535")
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise BadSettings(f"{host} is not an address to listen on: {error}") from None
    for family, kind, protocol, _, address in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
                probe.listen(1)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT:
                continue
            if error.errno == errno.EADDRINUSE:
                raise BadSettings(f"port {port} is in use{_user_of(port)}; choose another with --port") from None
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise BadSettings(f"cannot listen on port {port} of {host}: {reason}") from None


def _user_of(port: int) -> str:
    """The process that listens on the port, if the system tells it."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except (psutil.Error, OSError):
        pass
    return ""
