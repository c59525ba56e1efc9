"""Tells ALERT_URL when the health turns bad, when it turns good, and once a day while it is bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.reports.health import Health, HealthReport, moment
from scraper.base import console
from scraper.base.errors import ListingMirrorError
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.webhooks import post


def tell_alert(database: Database, settings: Settings, health: Health) -> None:
    """Tell what is news, if anything is; whatever fails here is a warning and no more."""
    if settings.alert_url is None:
        return
    try:
        found = database.rpc("health_news", {"p_ok": health.ok}, idempotent=False)
        if found["news"] is None:
            return
        body = {**HealthReport(health).as_json(), **message(health, found)}
        if not post(settings.alert_url, body, settings, purpose="ALERT_URL"):
            before = found["told_before"]
            params = {"p_told_ok": before["ok"], "p_told_at": before["at"]}
            database.rpc("health_untold", params, idempotent=True)
    except ListingMirrorError as exc:
        console.warn(f"ALERT_URL: whether there is news is not known: {exc}")


def message(health: Health, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a chat shows, and what it is about."""
    since = moment(found["since"])
    if health.ok:
        text = f"Listing images are healthy again: {health.sentence}"
    else:
        still = "still unhealthy" if found["news"] == "still bad" else "unhealthy"
        rules = [f"- {one.sentence} Mend: {one.remedy}" for one in health.broken]
        text = "\n".join([f"Listing images are {still}, since {since}:", *rules])
    return {"news": found["news"], "since": found["since"], "text": text}
