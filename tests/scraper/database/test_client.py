"""The door to Supabase: each mistake its own words, transient things repeated, objects moved."""

from __future__ import annotations

import io
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from local_servers import LocalSupabase, free_port

from scraper.base.errors import (
    DatabaseError,
    DatabaseRejectedError,
    DatabaseUnavailableError,
    SchemaMissingError,
    SettingsError,
    StorageRejectedError,
    StorageUnavailableError,
    WrongKeyError,
)
from scraper.base.settings import Settings
from scraper.database import faults as supabase_faults
from scraper.database.client import Database, connect, open_database
from scraper.database.run_records import RunRecords, RunResult

KEY = "sb_secret_0123456789abcdef"
WELL = (200, {"version": 1})
Answer = tuple[int, Any]


class Stub:
    """Answers each path with its list of answers, the last one for ever; keeps what came."""

    def __init__(self, answers: dict[str, list[Answer]]) -> None:
        self.answers = answers
        self.seen: list[tuple[str, int]] = []
        self.url = ""

    def take(self, path: str, connection: int) -> Answer:
        self.seen.append((path, connection))
        left = self.answers.get(path, [(404, {"code": "PGRST202", "message": "no such thing"})])
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def supabase_like(**answers: list[Answer]) -> Iterator[Stub]:
    stub = Stub({path.replace("__", "/"): list(given) for path, given in answers.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.split("?")[0].removeprefix("/").removeprefix("rest/v1/rpc/")
            status, body = stub.take(path, self.client_address[1])
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            kind = "text/html" if isinstance(body, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_HEAD = serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        stub.url = f"http://127.0.0.1:{server.server_port}"
        yield stub
        server.shutdown()
        thread.join()


def settings_for(url: str, key: str = KEY, *, patience_s: float = 0) -> Settings:
    known = {"SUPABASE_URL": url, "SUPABASE_SECRET_KEY": key}
    return Settings.from_environment(known | {"DATABASE_PATIENCE_S": str(patience_s)})


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supabase_faults, "FIRST_PAUSE_S", 0.001)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((401, {"message": "Invalid API key"}), WrongKeyError, "set SUPABASE_SECRET_KEY"),
        ((401, {"code": "PGRST303", "message": "JWT expired"}), WrongKeyError, "(JWT expired)"),
        ((403, {"code": "42501", "message": "no"}), WrongKeyError, "set SUPABASE_SECRET_KEY"),
        ((404, {"code": "PGRST202", "message": "no"}), SchemaMissingError, "supabase db push"),
        ((200, {"version": 0}), SchemaMissingError, "older version"),
        ((200, "<html>hello</html>"), DatabaseUnavailableError, "not as a Supabase project"),
        ((404, "<html>nothing</html>"), DatabaseUnavailableError, "not as a Supabase project"),
        ((302, ""), DatabaseUnavailableError, "not as a Supabase project"),
        ((404, {"message": "no project"}), DatabaseUnavailableError, "check that SUPABASE_URL"),
        ((501, "<html>no POST here</html>"), DatabaseUnavailableError, "not as a Supabase project"),
        ((540, {"message": "paused"}), DatabaseUnavailableError, "is paused (HTTP 540): restore"),
        ((503, {"message": "busy"}), DatabaseUnavailableError, "HTTP 503"),
        ((403, "<html>Access denied</html>"), DatabaseUnavailableError, "the key is not to blame"),
        ((401, "<html>Log in</html>"), DatabaseUnavailableError, "the key is not to blame"),
        ((400, {"code": "PGRST303", "message": "JWT expired"}), WrongKeyError, "(JWT expired)"),
    ],
)
def test_each_mistake_has_its_own_words(answer: Answer, error: type, words: str) -> None:
    with supabase_like(schema_version=[answer]) as stub, pytest.raises(error) as caught:
        with open_database(settings_for(stub.url)):
            pass
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


def test_nobody_there_is_said_with_the_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(DatabaseUnavailableError, match=f"Nobody answers at {url[7:]}"):
        with open_database(settings_for(url)):
            pass


def test_a_name_that_does_not_exist_is_not_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="no host named nobody.invalid"):
        with open_database(settings_for("https://nobody.invalid", patience_s=30)):
            pass
    assert time.monotonic() - began < 15


def test_the_first_seconds_are_as_patient_as_the_middle_of_a_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supabase_faults, "LONGEST_PAUSE_S", 0.001)
    busy = [(503, {})] * 40
    with supabase_like(schema_version=[*busy, WELL], work=[*busy, (200, {})]) as stub:
        with open_database(settings_for(stub.url, patience_s=30)) as database:
            database.rpc("work", {}, idempotent=True)
    assert capsys.readouterr().err.count("waiting up to 30 s") == 1


def test_patience_has_an_end() -> None:
    times = iter([0.0, 10.0, 29.0, 31.0, 60.0])
    calls = []

    def fails() -> None:
        calls.append(1)
        raise DatabaseUnavailableError("away")

    with pytest.raises(DatabaseUnavailableError):
        supabase_faults.repeat(
            fails, tries=2, patience_s=30, sleep=lambda _: None, clock=lambda: next(times)
        )
    assert len(calls) == 4


def test_a_passing_trouble_at_the_start_is_waited_out() -> None:
    with supabase_like(schema_version=[(503, {}), WELL], answer=[(200, {"a": 1})]) as stub:
        with open_database(settings_for(stub.url)) as database:
            assert database.rpc("answer", {}, idempotent=True) == {"a": 1}


TROUBLE = (503, {"code": "PGRST001", "message": "no connection"})


@pytest.mark.parametrize(("idempotent", "calls"), [(True, 2), (False, 1)])
def test_only_idempotent_calls_are_repeated(idempotent: bool, calls: int) -> None:
    with supabase_like(schema_version=[WELL], work=[TROUBLE, (200, {"done": True})]) as stub:
        with open_database(settings_for(stub.url)) as database:
            if idempotent:
                assert database.rpc("work", {}, idempotent=True) == {"done": True}
            else:
                with pytest.raises(DatabaseUnavailableError):
                    database.rpc("work", {}, idempotent=False)
    assert [path for path, _ in stub.seen].count("work") == calls


def test_a_scrape_waits_for_a_database_that_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supabase_faults, "LONGEST_PAUSE_S", 0.001)
    restart = [TROUBLE] * 8
    with supabase_like(schema_version=[WELL], finish_run=[*restart, (200, {})]) as stub:
        with open_database(settings_for(stub.url)) as database:
            RunRecords(database).finish(1, RunResult("completed"))
    assert [path for path, _ in stub.seen].count("finish_run") == 9


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"code": "22P02", "message": "no number"}), DatabaseRejectedError),
        ((409, {"code": "23505", "message": "twice"}), DatabaseRejectedError),
        ((404, {"code": "PGRST202", "message": "gone"}), SchemaMissingError),
        ((400, {"code": "42703", "message": "column does not exist"}), SchemaMissingError),
        ((401, {"message": "Invalid API key"}), WrongKeyError),
        ((500, {"code": "57014", "message": "cancelled"}), DatabaseUnavailableError),
        ((500, {"code": "40P01", "message": "deadlock"}), DatabaseUnavailableError),
        ((503, {"code": "53100", "message": "no space left"}), DatabaseRejectedError),
        ((502, "<html>bad gateway</html>"), DatabaseUnavailableError),
        ((403, "<html>Access denied</html>"), DatabaseUnavailableError),
        ((406, "<html>Access denied</html>"), DatabaseUnavailableError),
        ((400, {"code": "PGRST303", "message": "JWT expired"}), WrongKeyError),
        (
            (404, {"code": "42P01", "message": 'relation "listings" does not exist'}),
            SchemaMissingError,
        ),
        ((502, {"message": "An invalid response was received"}), DatabaseUnavailableError),
        ((503, {"message": "name resolution failed"}), DatabaseUnavailableError),
        ((429, {"message": "API rate limit exceeded"}), DatabaseUnavailableError),
        ((500, {"code": "XX000", "message": "broken"}), DatabaseRejectedError),
        ((200, "<html>a login page</html>"), DatabaseUnavailableError),
    ],
)
def test_answers_of_the_database_are_told_apart(answer: Answer, error: type) -> None:
    with supabase_like(schema_version=[WELL], work=[answer]) as stub:
        with open_database(settings_for(stub.url)) as database, pytest.raises(error):
            database.rpc("work", {}, idempotent=False)


@pytest.mark.parametrize(
    ("answer", "error", "fatal"),
    [
        ((400, {"statusCode": "404", "error": "Bucket not found", "message": "x"}), "no", True),
        ((400, {"statusCode": "403", "error": "Unauthorized", "message": "x"}), "no", True),
        ((400, {"statusCode": "413", "error": "Payload too large", "message": "x"}), "no", False),
        ((400, {"statusCode": "400", "error": "InvalidKey", "message": "x"}), "no", False),
        ((400, {"statusCode": "423", "error": "ResourceLocked", "message": "x"}), "later", None),
        ((400, {"statusCode": "503", "error": "DatabaseReadOnly", "message": "x"}), "later", None),
        ((544, {"statusCode": "544", "error": "DatabaseTimeout", "message": "x"}), "later", None),
        ((429, {"statusCode": "429", "error": "too_many_connections"}), "later", None),
        ((502, "<html>bad gateway</html>"), "later", None),
        ((403, "<html>Access denied</html>"), "later", None),
        ((200, "<html>a login page</html>"), "later", None),
        ((402, {"statusCode": "402", "error": "exceed_storage_size_quota"}), "no", True),
        ((507, ""), "no", True),
        ((500, {"statusCode": "500", "message": "ENOSPC: no space left on device"}), "no", True),
    ],
)
def test_the_body_decides_what_a_refused_upload_means(
    answer: Answer, error: str, fatal: bool | None
) -> None:
    where = "storage__v1__object__listing-images__a.jpg"
    with supabase_like(schema_version=[WELL], **{where: [answer]}) as stub:
        with open_database(settings_for(stub.url)) as database:
            wanted = StorageUnavailableError if error == "later" else StorageRejectedError
            with pytest.raises(wanted) as caught:
                database.upload("a.jpg", b"x", content_type="image/jpeg")
    assert caught.value.path == "a.jpg"
    assert getattr(caught.value, "fatal", None) is fatal


@pytest.mark.parametrize("size", [1000, 30_000_000], ids=["unanswered", "not even read"])
def test_a_storage_that_falls_silent_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("scraper.database.object_pool.READ_S", 0.3)
    with supabase_like(schema_version=[WELL]) as stub, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with open_database(settings_for(stub.url)) as database:
            database._storage._root = f"http://127.0.0.1:{silent.getsockname()[1]}"
            began = time.monotonic()
            with pytest.raises(StorageUnavailableError) as caught:
                database.upload("a.jpg", b"x" * size, content_type="image/jpeg")
    assert caught.value.path == "a.jpg"
    assert time.monotonic() - began < 10


def test_a_connection_that_refused_an_upload_is_not_used_again() -> None:
    where = "storage__v1__object__listing-images__a.jpg"
    refusal = (400, {"statusCode": "415", "error": "invalid_mime_type", "message": "x"})
    with supabase_like(schema_version=[WELL], **{where: [refusal, (200, {})]}) as stub:
        with open_database(settings_for(stub.url)) as database:
            with pytest.raises(StorageRejectedError):
                database.upload("a.jpg", b"x" * 100_000, content_type="text/plain")
            database.upload("a.jpg", b"x" * 100_000, content_type="image/jpeg")
            database.upload("a.jpg", b"x" * 100_000, content_type="image/jpeg")
    refused, first, second = [connection for path, connection in stub.seen if "a.jpg" in path]
    assert refused != first == second


def test_on_actions_the_local_one_must_be_named(tmp_path: Any) -> None:
    given = {"GITHUB_ACTIONS": "true", "LOCAL_SUPABASE_HOME": str(tmp_path)}
    with pytest.raises(SettingsError, match="SUPABASE_URL=local"):
        with connect(Settings.from_environment(given)):
            pass


def test_objects_are_put_copied_read_and_removed(database: Database) -> None:
    with tempfile.SpooledTemporaryFile(max_size=10) as spooled:
        spooled.write(b"picture" * 1000)
        for _ in range(2):  # the second time over the first
            database.upload("shop/L00001/abc/00.jpg", spooled, content_type="image/jpeg")
    database.copy("shop/L00001/abc/00.jpg", "shop/L00001/abc/01.jpg")
    for source, status in (("shop/L00001/abc/00.jpg", 409), ("shop/none.jpg", 404)):
        target = "shop/L00001/abc/01.jpg" if status == 409 else "shop/new.jpg"
        with pytest.raises(StorageRejectedError) as caught:
            database.copy(source, target)
        assert caught.value.status == status
    sink = io.BytesIO()
    database.download("shop/L00001/abc/01.jpg", sink)
    assert sink.getvalue() == b"picture" * 1000
    public = database.http.get(database.public_url("shop/L00001/abc/01.jpg"))
    assert (public.content, public.headers["content-type"]) == (sink.getvalue(), "image/jpeg")
    assert database.stat("shop/L00001/abc/00.jpg") == 7000
    assert database.stat("shop/none.jpg") is None
    assert database.remove(["shop/L00001/abc/00.jpg", "none"]) == ["shop/L00001/abc/00.jpg"]
    with pytest.raises(StorageRejectedError):
        database.download("shop/L00001/abc/00.jpg")


def test_threads_share_one_door(database: Database) -> None:
    def work(number: int) -> int:
        database.upload(f"t/{number}.jpg", b"x" * (1000 + number), content_type="image/jpeg")
        database.table("dealers").select("id").execute()
        return len(database.download(f"t/{number}.jpg"))

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(work, range(40))) == [1000 + number for number in range(40)]


def test_a_query_fails_with_our_errors(database: Database) -> None:
    with pytest.raises(SchemaMissingError, match="table nothing"):
        database.table("nothing").select("id").execute()
    with pytest.raises(DatabaseRejectedError):
        database.table("dealers").select("id").eq("id", "no number").execute()


def test_a_publishable_key_in_disguise_is_refused(local_supabase: LocalSupabase) -> None:
    wrong = replace(local_supabase.settings(), supabase_key=local_supabase.publishable_key)
    with pytest.raises(WrongKeyError), open_database(wrong):
        pass


@pytest.mark.parametrize(
    ("key_is_ours", "kind", "said"),
    [
        (False, StorageRejectedError, "refuses the key (new row violates row-level security"),
        (True, StorageUnavailableError, "mostly because its disk was full: make room where"),
    ],
)
def test_a_missing_right_is_not_blamed_on_a_key_that_we_made(
    key_is_ours: bool, kind: type[Exception], said: str
) -> None:
    body = {
        "statusCode": "403",
        "error": "Unauthorized",
        "message": "new row violates row-level security policy",
    }
    error = supabase_faults.storage_error(
        400, body, bucket="listing-images", path="a/b.jpg", key_is_ours=key_is_ours
    )
    assert isinstance(error, kind) and said in str(error)
    assert ("SUPABASE_SECRET_KEY" in str(error)) is not key_is_ours
