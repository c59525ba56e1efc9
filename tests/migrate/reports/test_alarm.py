"""Alarms and pings reach who listens, and a listener that misbehaves stops nothing."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families

from migrate.reports import alarm
from migrate.reports.coverage import Statistics
from migrate.reports.health import Health, Rule, Verdict
from migrate.reports.health_rules import judge
from migrate.reports.prometheus import exposition
from scraper.base.errors import DatabaseError
from scraper.base.settings import Settings
from scraper.net import webhooks
from scraper.net.webhooks import pinged

BAD = Health((Verdict(Rule.FAILED, ok=False, sentence="9 images failed.", remedy="migrate -r"),))
GOOD = Health((Verdict(Rule.FAILED),))


class Listener(http.server.BaseHTTPRequestHandler):
    """Writes down what it is told, and answers as its server says."""

    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.heard.append((self.path, json.loads(body) if body else None))
        if server.wait_s:
            server.let_go.wait(server.wait_s)
        self.send_response(server.status)
        if server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.heard, server.status, server.wait_s = [], 200, 0.0
    server.let_go = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.let_go.set()
    server.shutdown()
    server.server_close()


class FakeDatabase:
    """Answers health_news as laid down, and notes what was untold."""

    def __init__(self, news: str | None) -> None:
        self.news = news
        self.untold: list[Any] = []

    def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        if name == "health_untold":
            self.untold.append(params)
            return {}
        if self.news == "down":
            raise DatabaseError("nobody answers")
        before = {"ok": True, "at": None}
        return {"news": self.news, "since": "2026-11-22T08:00:00+00:00", "told_before": before}


def tell(database: Any, url: str | None, health: Health = BAD) -> None:
    alarm.tell_alert(database, Settings(alert_url=url), health)


def test_bad_news_are_told_with_a_text_for_chats(listener: Any, capsys: Any) -> None:
    tell(FakeDatabase("bad"), listener.url)
    ((path, body),) = listener.heard
    assert path == "/hook"
    assert body["text"] == (
        "Listing images are unhealthy, since 2026-11-22 08:00 UTC:\n"
        "- 9 images failed. Mend: migrate -r"
    )
    assert (body["schema"], body["health"]["ok"], body["news"]) == (1, False, "bad")
    assert capsys.readouterr().err == ""


def test_good_news_are_told_too_and_no_news_are_not(listener: Any) -> None:
    tell(FakeDatabase("good"), listener.url, GOOD)
    tell(FakeDatabase(None), listener.url)
    assert [body["text"][:34] for _, body in listener.heard] == [
        "Listing images are healthy again: "
    ]


@pytest.mark.parametrize("fault", ["dead", "refusing", "redirecting", "slow", "not https"])
def test_a_listener_that_misbehaves_costs_one_warning(
    listener: Any, capsys: Any, monkeypatch: Any, fault: str
) -> None:
    monkeypatch.setattr(webhooks, "TOTAL_S", 0.5)
    url = listener.url
    if fault == "dead":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}/secret-token"
    elif fault == "not https":
        url = "http://chat.example/secret-token"
    else:
        listener.status = {"refusing": 500, "redirecting": 302, "slow": 200}[fault]
        listener.wait_s = 20.0 if fault == "slow" else 0.0
    database = FakeDatabase("bad")
    started = time.monotonic()
    tell(database, url)
    assert time.monotonic() - started < 5
    said = capsys.readouterr().err
    assert said.count("warning: ") == 1 and "ALERT_URL" in said
    assert "secret-token" not in said and "/hook" not in said
    assert database.untold == [{"p_told_ok": True, "p_told_at": None}]
    assert [path for path, _ in listener.heard] in ([], ["/hook"])


def test_a_database_that_fails_here_is_a_warning(listener: Any, capsys: Any) -> None:
    tell(FakeDatabase("down"), listener.url)
    assert "warning: ALERT_URL" in capsys.readouterr().err
    assert listener.heard == []


# ------------------------------------------------------------------ the dead man's switch


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (None, ["/hook/start", "/hook"]),
        (typer.Exit(0), ["/hook/start", "/hook"]),
        (typer.Exit(3), ["/hook/start", "/hook/3"]),
        (DatabaseError("down"), ["/hook/start", "/hook/1"]),
        (KeyboardInterrupt(), ["/hook/start", "/hook/130"]),
        (RuntimeError("a mistake"), ["/hook/start", "/hook/fail"]),
    ],
)
def test_the_switch_hears_of_the_start_and_of_each_end(
    listener: Any, ending: BaseException | None, told: list[str]
) -> None:
    def work() -> None:
        with pinged(Settings(ping_url=listener.url)):
            if ending is not None:
                raise ending

    if ending is None:
        work()
    else:
        with pytest.raises(type(ending)):
            work()
    assert [path for path, _ in listener.heard] == told


def test_a_query_of_the_ping_address_stays_behind(listener: Any) -> None:
    with pinged(Settings(ping_url=listener.url + "/?create=1")):
        pass
    assert [path for path, _ in listener.heard] == ["/hook/start?create=1", "/hook?create=1"]


def test_a_dead_switch_is_one_warning(capsys: Any) -> None:
    with pinged(Settings(ping_url="https://127.0.0.1:9/uuid")):
        pass
    assert capsys.readouterr().err.count("warning: ") == 1


# ------------------------------------------------------------------ Prometheus


def test_the_exposition_is_one_that_prometheus_reads() -> None:
    hostile = 'a "quoted" \\ name\nin two lines'
    dealer = {
        "dealer": hostile, "dealer_id": 1, "images": 12_345_678, "stored": 12_345_677,
        "pending": 1, "failed": 0, "gone": 0, "rejected": 0, "missing": 1, "lost_for_ever": 0,
        "by_status": {"pending": 1}, "oldest_pending_seconds": 90,
    }  # fmt: skip
    numbers = {
        "images": {"failed": 0}, "listings": {"total": 1, "by_status": {"pending": 1}},
        "dealers": [dealer], "errors": [{"kind": "pending", "images": 1}],
        "due": {"images_now": 1, "images_later": 0}, "as_of": "2026-11-22T08:00:00+00:00",
        "last_runs": {"migrate": {"completed_at": "2026-11-22 08:00:00+00", "seconds": 60}},
        "hosts_left_alone": [],
    }  # fmt: skip
    text = exposition(Statistics(numbers, judge(numbers)))
    families = {one.name: one for one in text_string_to_metric_families(text)}
    images = {
        (one.labels["dealer"], one.labels["state"]): one.value
        for one in families["listing_mirror_images"].samples
    }
    assert images[hostile, "stored"] == 12_345_677
    assert all(one.type == "gauge" and one.documentation for one in families.values())
    assert families["listing_mirror_healthy"].samples[0].value == 1
    ran = families["listing_mirror_last_run_timestamp_seconds"].samples[0]
    assert (ran.labels, ran.value) == ({"kind": "migrate"}, 1795334400)
    rules = {one.labels["rule"] for one in families["listing_mirror_rule_ok"].samples}
    assert rules == set(Rule)
