"""The founding incident's proportions with dealers that fail in each way there is: three runs bring
home whatever can be had, and whatever can not says why.

A tenth of it by itself; INCIDENT_LISTINGS=1000 is the whole.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

LISTINGS = int(os.environ.get("INCIDENT_LISTINGS", "100"))
IMAGES = 6
"""A listing: 5,706 images of 1,000 listings."""
SHARES = {
    "World Seiyudo": 43,
    "Aoi Art": 20,
    "Times out": 10,
    "Refuses": 7,
    "Certificate": 7,
    "Handshake": 6,
    "Lost files": 7,
}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def plain_port() -> Iterator[int]:
    """A port where a handshake is answered in plain text, as by a wrongly configured server."""
    listener = socket.create_server(("", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.timeout(60 + 3 * LISTINGS)
def test_three_runs_bring_home_what_can_be_had_and_the_rest_says_why(
    world: Any, source: Any, tls_source: Any, closed_port: int, plain_port: int
) -> None:
    def address(dealer: str, name: str) -> str:
        if dealer == "Times out":
            return str(source.url("stall", name, host="127.0.5.1"))
        if dealer == "Refuses":
            return f"http://127.0.5.2:{closed_port}/ok/{name}.jpg"
        if dealer == "Certificate":  # issued for another name, by nobody who is trusted
            return str(tls_source.url("ok", name, host="127.0.5.3"))
        if dealer == "Handshake":  # what answers there speaks no TLS
            return f"https://127.0.5.4:{plain_port}/ok/{name}.jpg"
        kind = "404" if dealer == "Lost files" else "ok"
        return str(source.url(kind, name, host="127.0.5.6"))

    can_be_had: set[str] = set()
    for at, (dealer, share) in enumerate(SHARES.items()):
        listings = []
        for number in range(share * LISTINGS // 100):
            # Each dealer has some pictures on a host that answers: a shop platform's, a CDN's.
            good = [source.url("ok", f"{at}-{number}-{n}", host="127.0.5.5") for n in (0, 3)]
            own = [address(dealer, f"{at}-{number}-{n}") for n in range(IMAGES - len(good))]
            can_be_had |= set(good)
            can_be_had |= {url for url in own if dealer in ("World Seiyudo", "Aoi Art")}
            listings.append([*own[:2], good[0], *own[2:], good[1]])
        world.add_listings(dealer, listings)

    for _ in range(3):
        code, _, err = world.command("--limit", "5000")
        assert code == 0, err

    found = world.by_url()
    assert [url for url in can_be_had if found[url]["state"] != "stored"] == []
    left = [row for url, row in found.items() if url not in can_be_had]
    assert {row["state"] for row in left} <= {"failed", "pending"}
    left_alone = {row["host"]: row["kind"] for row in world.rows("hosts_left_alone", order="host")}
    reasons: dict[str, set[str]] = {}
    for row in left:
        host = row["source_url"].split("/")[2]
        reason = row["error_kind"] or left_alone[host]
        reasons.setdefault(host.partition(":")[0], set()).add(reason)
        if row["state"] == "failed":
            assert row["error_detail"] and row["attempts"] >= 1 and row["due_at"]
    assert reasons == {
        "127.0.5.1": {"timeout"},
        "127.0.5.2": {"connect"},
        "127.0.5.3": {"tls"},
        "127.0.5.4": {"tls"},
        "127.0.5.6": {"http_404"},
    }
    assert tls_source.requests() == []
    assert world.open_claims() == 0
    world.assert_sound(source)
