"""Servers and sessions with limits small enough to wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from misbehaving import Server

from scraper.base.settings import Settings
from scraper.net.session import DealerSession

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def new_server() -> Iterator[Callable[..., Server]]:
    """Starts a server on loopback: `new_server(host="127.0.0.2", tls=context)`."""
    servers: list[Server] = []

    def start(**kwargs: Any) -> Server:
        servers.append(Server(**kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    return new_server()


@pytest.fixture
def new_session() -> Iterator[Callable[..., DealerSession]]:
    """Opens a session that may reach loopback: `new_session(resolver=…, total_timeout_s=2)`."""
    sessions: list[DealerSession] = []

    def open_one(
        *, resolver: Any = None, ca_file: str | None = None, **values: Any
    ) -> DealerSession:
        small = {
            "private_networks": LOOPBACK,
            "connect_timeout_s": 0.5,
            "read_timeout_s": 0.5,
            "total_timeout_s": 1.0,
        }
        settings = Settings(**(small | values))
        sessions.append(DealerSession(settings, resolver=resolver, ca_file=ca_file))
        return sessions[-1]

    yield open_one
    for session in sessions:
        session.close()


@pytest.fixture
def session(new_session: Callable[..., DealerSession]) -> DealerSession:
    return new_session()
