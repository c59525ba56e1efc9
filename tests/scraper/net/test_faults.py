"""Every way a host can misbehave ends in one kind of error, in time, and leaves no trace."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import time
import zlib
from collections.abc import Callable

import pytest
from misbehaving import Behaviour, Server, drips, in_turn, reply, resets, sends, stalls

from scraper.base.errors import (
    ErrorKind,
    FetchError,
    FinalFetchError,
    InterruptedFetchError,
    TransientFetchError,
)
from scraper.net.session import DealerSession

NewSession = Callable[..., DealerSession]
IMAGE = bytes(range(256)) * 400


def failure(session: DealerSession, url: str, **options: object) -> FetchError:
    """The error of fetching a file; it must come within the total time and a little."""
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        session.fetch_file(url, io.BytesIO(), **options)  # type: ignore[arg-type]
    assert time.monotonic() - started < 4
    assert caught.value.url == url
    return caught.value


OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
TRANSIENT, FINAL = TransientFetchError, FinalFetchError

HALF_GZIP = reply(gzip.compress(b"page" * 999)[:-9], Content_Encoding="gzip")
HALF_DEFLATE = reply(zlib.compress(b"page" * 999)[:-5], Content_Encoding="deflate")
FAULTS: list[tuple[str, Behaviour, ErrorKind, type[FetchError]]] = [
    ("stalls before the headers", stalls(), ErrorKind.TIMEOUT, TRANSIENT),
    ("stalls in the headers", stalls(OK_HEAD[:20]), ErrorKind.TIMEOUT, TRANSIENT),
    ("stalls in the body", stalls(OK_HEAD + b"x" * 10), ErrorKind.TIMEOUT, TRANSIENT),
    ("drips the headers", drips(b"", OK_HEAD * 9), ErrorKind.TIMEOUT, TRANSIENT),
    ("drips the body", drips(OK_HEAD, b"x" * 1000), ErrorKind.TIMEOUT, TRANSIENT),
    ("drips chunks", drips(CHUNKED, b"1\r\nx\r\n" * 99), ErrorKind.TIMEOUT, TRANSIENT),
    ("drips 100s", drips(b"", b"HTTP/1.1 100 C\r\n\r\n" * 99), ErrorKind.TIMEOUT, TRANSIENT),
    ("endless 103s", sends(b"HTTP/1.1 103 E\r\n\r\n" * 99), ErrorKind.CONNECT, TRANSIENT),
    ("a bad chunk", sends(CHUNKED + b"-5\r\nx\r\n", keep=False), ErrorKind.TRUNCATED, TRANSIENT),
    ("resets before the headers", resets(), ErrorKind.CONNECT, TRANSIENT),
    ("closes before the headers", sends(b"", keep=False), ErrorKind.CONNECT, TRANSIENT),
    ("resets in the middle", resets(OK_HEAD + b"x" * 10), ErrorKind.TRUNCATED, TRANSIENT),
    ("closes too early", sends(OK_HEAD + b"x", keep=False), ErrorKind.TRUNCATED, TRANSIENT),
    ("cuts a chunk", sends(CHUNKED + b"ff\r\nx", keep=False), ErrorKind.TRUNCATED, TRANSIENT),
    ("no last chunk", sends(CHUNKED + b"1\r\nx\r\n", keep=False), ErrorKind.TRUNCATED, TRANSIENT),
    ("speaks nonsense", sends(b"\0\1\2 what\r\n\r\n", keep=False), ErrorKind.CONNECT, TRANSIENT),
    ("claims two lengths", sends(reply(b"x", Content_Length="5, 6")), ErrorKind.OTHER, TRANSIENT),
    ("no gzip", sends(reply(b"x" * 9, Content_Encoding="gzip")), ErrorKind.TRUNCATED, TRANSIENT),
    ("half a gzip", sends(HALF_GZIP), ErrorKind.TRUNCATED, TRANSIENT),
    ("half a deflate", sends(HALF_DEFLATE), ErrorKind.TRUNCATED, TRANSIENT),
    ("an unasked encoding", sends(reply(b"x", Content_Encoding="br")), ErrorKind.OTHER, FINAL),
    ("says it is too large", sends(reply(length=10**9)), ErrorKind.TOO_LARGE, FINAL),
    (
        "a part",
        sends(reply(b"x", status=206, Content_Range="bytes 0-0/9")),
        ErrorKind.OTHER,
        FINAL,
    ),
    ("nothing", sends(b"HTTP/1.1 204 None\r\n\r\n"), ErrorKind.OTHER, FINAL),
    ("unasked 304", sends(b"HTTP/1.1 304 Same\r\n\r\n"), ErrorKind.OTHER, FINAL),
    ("redirects nowhere", sends(reply(status=302)), ErrorKind.OTHER, FINAL),
    ("400", sends(reply(b"no", status=400)), ErrorKind.HTTP_4XX, FINAL),
    ("401", sends(reply(b"no", status=401)), ErrorKind.HTTP_4XX, FINAL),
    ("403", sends(reply(b"no", status=403)), ErrorKind.HTTP_403, FINAL),
    ("404", sends(reply(b"no", status=404)), ErrorKind.HTTP_404, FINAL),
    ("408", sends(reply(b"no", status=408)), ErrorKind.HTTP_4XX, TRANSIENT),
    ("410", sends(reply(b"no", status=410)), ErrorKind.HTTP_410, FINAL),
    ("429", sends(reply(b"no", status=429)), ErrorKind.HTTP_429, TRANSIENT),
    ("500", sends(reply(b"no", status=500)), ErrorKind.HTTP_5XX, TRANSIENT),
    ("endless 503", drips(b"HTTP/1.1 503 B\r\n\r\n", b"x" * 99), ErrorKind.HTTP_5XX, TRANSIENT),
    ("503 with a stalling end", stalls(reply(length=9, status=503)), ErrorKind.HTTP_5XX, TRANSIENT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("behaviour", "kind", "error_type"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_host_that_misbehaves(
    server: Server,
    session: DealerSession,
    behaviour: Behaviour,
    kind: ErrorKind,
    error_type: type[FetchError],
) -> None:
    error = failure(session, server.on("/a.jpg", behaviour))
    assert (error.kind, type(error)) == (kind, error_type)
    assert server.paths == ["/a.jpg"]


def test_a_whole_file_is_written_counted_and_hashed(server: Server, session: DealerSession) -> None:
    sink = io.BytesIO()
    url = server.on("/a.jpg", sends(reply(IMAGE, Content_Type="image/jpeg", ETag='"1"')))
    answer = session.fetch_file(url, sink)
    assert sink.getvalue() == IMAGE
    assert (answer.bytes, answer.sha256) == (len(IMAGE), hashlib.sha256(IMAGE).hexdigest())
    assert (answer.url, answer.status, answer.not_modified) == (url, 200, False)
    assert (answer.content_type, answer.etag, answer.last_modified) == ("image/jpeg", '"1"', None)


@pytest.mark.parametrize("interim", [CONTINUE, EARLY_HINTS, EARLY_HINTS * 3])
def test_interim_answers_are_read_past(
    server: Server, session: DealerSession, interim: bytes
) -> None:
    url = server.on("/a.jpg", sends(interim + reply(IMAGE)))
    assert session.fetch_file(url, sink := io.BytesIO()).status == 200
    assert sink.getvalue() == IMAGE


@pytest.mark.parametrize("encoding", ["none", "utf-8", "identity", ""])
def test_an_encoding_that_does_not_exist_encodes_nothing(
    server: Server, session: DealerSession, encoding: str
) -> None:
    url = server.on("/a.jpg", sends(reply(IMAGE, Content_Encoding=encoding)))
    session.fetch_file(url, sink := io.BytesIO())
    assert sink.getvalue() == IMAGE


@pytest.mark.parametrize(
    ("etag", "kept"),
    [('W/"a-1"', 'W/"a-1"'), ('"a\0b"', None), ('"\xe9"', None), ('"' + "e" * 2000 + '"', None)],
)
def test_only_a_validator_that_can_be_sent_back_is_kept(
    server: Server, session: DealerSession, etag: str, kept: str | None
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: 1\r\n\r\nx"
    url = server.on("/a.jpg", sends(answer % etag.encode("latin-1")))
    assert session.fetch_file(url, io.BytesIO()).etag == kept


def test_a_slow_but_steady_body_within_the_total_time_arrives(
    server: Server, session: DealerSession
) -> None:
    sink = io.BytesIO()
    session.fetch_file(server.on("/a", drips(reply(length=8), b"12345678")), sink)
    assert sink.getvalue() == b"12345678"


def test_an_endless_body_ends_at_the_cap(server: Server, session: DealerSession) -> None:
    def endless(sock: object, seen: object) -> bool:
        sock.sendall(CHUNKED)  # type: ignore[attr-defined]
        while True:
            sock.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")  # type: ignore[attr-defined]

    sink = io.BytesIO()
    with pytest.raises(FinalFetchError) as caught:
        session.fetch_file(server.on("/a", endless), sink, max_bytes=300_000)
    assert caught.value.kind is ErrorKind.TOO_LARGE
    assert len(sink.getvalue()) <= 300_000


BOMBS = {
    "gzip": lambda: gzip.compress(bytes(50_000_000)),
    "deflate": lambda: zlib.compress(bytes(50_000_000)),
    "gzip in members": lambda: gzip.compress(bytes(1_000_000)) * 50,
}


@pytest.mark.parametrize("packing", BOMBS)
def test_a_compressed_bomb_is_counted_as_it_unfolds(
    server: Server, session: DealerSession, packing: str
) -> None:
    bomb, encoding = BOMBS[packing](), packing.split()[0]
    sink = io.BytesIO()
    url = server.on("/a", sends(reply(bomb, Content_Encoding=encoding)))
    with pytest.raises(FinalFetchError) as caught:
        session.fetch_file(url, sink, max_bytes=1_000_000)
    assert caught.value.kind is ErrorKind.TOO_LARGE
    assert len(sink.getvalue()) <= 1_000_000


def test_a_bomb_of_a_page_is_refused_too(server: Server, new_session: NewSession) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    url = server.on("/", sends(reply(bomb, Content_Encoding="gzip")))
    with pytest.raises(FinalFetchError, match="5,000 bytes allowed"):
        new_session(max_page_bytes=5000).fetch_page(url)


def test_compressed_pages_and_files_are_undone(server: Server, session: DealerSession) -> None:
    url = server.on("/", sends(reply(gzip.compress(IMAGE), Content_Encoding="gzip")))
    sink = io.BytesIO()
    assert session.fetch_page(url).body == IMAGE
    assert session.fetch_file(url, sink).bytes == len(IMAGE)
    assert sink.getvalue() == IMAGE
    assert [seen.headers["Accept-Encoding"] for seen in server.record] == [
        "gzip, deflate",
        "identity",
    ]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(IMAGE[:9]) + gzip.compress(IMAGE[9:])),
        ("gzip", gzip.compress(IMAGE) + bytes(8)),
        ("deflate", zlib.compress(IMAGE)),
        ("deflate", zlib.compress(IMAGE, wbits=-15)),
    ],
    ids=["two members", "padding", "zlib", "bare"],
)
def test_every_way_of_packing_is_undone(
    server: Server, session: DealerSession, encoding: str, packed: bytes
) -> None:
    url = server.on("/", sends(reply(packed, Content_Encoding=encoding)))
    assert session.fetch_page(url).body == IMAGE


def test_bytes_beyond_the_length_never_reach_the_next_answer(
    server: Server, session: DealerSession
) -> None:
    first = server.on("/1", sends(reply(b"abcHTTP/1.1 200 OK\r\n\r\nevil", length=3)))
    second = server.on("/2", sends(reply(b"good")))
    assert session.fetch_page(first).body == b"abc"
    time.sleep(0.05)
    assert session.fetch_page(second).body == b"good"


def test_a_full_disk_is_not_blamed_on_the_dealer(server: Server, session: DealerSession) -> None:
    class FullDisk:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        session.fetch_file(server.on("/a", sends(reply(b"x"))), FullDisk())
    assert not isinstance(caught.value, FetchError)


def test_an_abort_ends_every_fetch_and_forbids_new_ones(
    server: Server, new_session: NewSession
) -> None:
    session = new_session(read_timeout_s=9.0, total_timeout_s=9.0)
    urls = [
        server.on("/headers", stalls()),
        server.on("/body", stalls(OK_HEAD + b"x")),
        server.on("/drip", drips(OK_HEAD, b"x" * 200, every_s=0.1)),
    ]
    caught: list[FetchError] = []

    def fetch(url: str) -> None:
        try:
            session.fetch_file(url, io.BytesIO())
        except FetchError as exc:
            caught.append(exc)

    threads = [threading.Thread(target=fetch, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    aborted = time.monotonic()
    session.abort()
    for thread in threads:
        thread.join()
    assert time.monotonic() - aborted < 5
    assert [type(error) for error in caught] == [InterruptedFetchError] * 3
    with pytest.raises(InterruptedFetchError):
        session.fetch_page(server.on("/later", sends(reply(b"x"))))
    assert "/later" not in server.paths


def test_a_dead_kept_connection_is_replaced_without_an_error(
    server: Server, session: DealerSession
) -> None:
    """The host closes just as we write: no byte came back, so asking again loses nothing."""
    url = server.on("/a", in_turn(sends(reply(b"1")), resets(), sends(reply(b"2"))))
    assert session.fetch_page(url).body == b"1"
    assert session.fetch_page(url).body == b"2"
    assert [seen.connection for seen in server.record] == [1, 1, 2]


def test_a_host_that_always_breaks_kept_connections_is_asked_twice_at_most(
    server: Server, session: DealerSession
) -> None:
    url = server.on("/a", in_turn(sends(reply(b"1")), resets()))
    session.fetch_page(url)
    assert failure(session, url).kind is ErrorKind.CONNECT
    assert len(server.record) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_told(server: Server, session: DealerSession, status: int) -> None:
    url = server.on("/a", sends(reply(b"later", status=status, Retry_After="7")))
    error = failure(session, url)
    assert (error.status, error.retry_after_s) == (status, 7.0)


def test_each_hop_is_announced_and_the_host_that_answers_is_named(
    server: Server, session: DealerSession, new_server: Callable[..., Server]
) -> None:
    other = new_server(host="127.0.0.2")
    busy = other.on("/b.jpg", sends(reply(status=429, Retry_After="7")))
    url = server.on("/a.jpg", sends(reply(status=302, Location=busy)))
    hops: list[str] = []
    error = failure(session, url, before_hop=hops.append)
    assert hops == [error.host] == [f"127.0.0.2:{other.port}"]
    assert error.retry_after_s == 7.0


def test_retry_after_of_a_missing_file_holds_nobody(server: Server, session: DealerSession) -> None:
    url = server.on("/a", sends(reply(b"no", status=404, Retry_After="7")))
    assert failure(session, url).retry_after_s is None


def test_short_error_bodies_keep_their_connection(server: Server, session: DealerSession) -> None:
    url = server.on("/a", sends(reply(b"not here", status=404)))
    for _ in range(3):
        failure(session, url)
    assert {seen.connection for seen in server.record} == {1}


def test_many_threads_share_the_session(server: Server, session: DealerSession) -> None:
    url = server.on("/a", sends(reply(IMAGE)))
    digests: list[str] = []

    def fetch() -> None:
        for _ in range(20):
            digests.append(session.fetch_file(url, io.BytesIO()).sha256)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [hashlib.sha256(IMAGE).hexdigest()] * 160
    assert len({seen.connection for seen in server.record}) <= 8
