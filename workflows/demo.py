"""The demonstration: the real commands, one after another, on a sample shop and a Supabase of its
own, so that nothing of the user's is touched."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from migrate.cli.app import app as migrate
from migrate.reports.coverage import read_statistics
from scraper.base import console
from scraper.base.errors import ListingMirrorError
from scraper.base.folders import DATA
from scraper.base.settings import Settings, environment
from scraper.cli.app import app as scrape
from scraper.database import embedded
from scraper.database.client import open_database
from workflows.gallery_page import read_gallery, write_gallery
from workflows.sample_shop import LATE_PHOTO, NAME, PRODUCTS, open_shop

HOME = DATA / "demo"
GALLERY = DATA / "demo-gallery"
PROGRAMS = {"scrape": scrape, "migrate": migrate}


class DemoError(ListingMirrorError):
    """A step of the demonstration did not end as it should."""


def run_demo(*, keep: bool) -> None:
    """Scrape, migrate and count. Raises DemoError when the coverage does not reach 100 %."""
    with own_supabase(HOME, PAGE_DELAY_S="0") as (settings, endpoint), open_shop() as shop:
        console.say()
        console.say(f"A sample shop with {len(PRODUCTS)} products opens at {shop.root}.")
        run_step("Tell the scraper about it", "scrape", "dealers", "add", NAME, shop.root + "/")
        run_step("Read its pages into rows; no image yet", "scrape", "daily", "--dealer", NAME)
        run_step("Before: every image is missing", "migrate", "stats")
        run_step("Copy the images into the bucket", "migrate")
        console.say()
        console.say(
            f"The shop did not have {LATE_PHOTO} yet (404), so its listing is partial and the "
            "photograph is due again in 15 minutes. Now the shop has it, and we do not wait."
        )
        shop.finish_uploading()
        run_step("Try the failed one again now", "migrate", "--retry-failed")
        run_step("After: nothing is missing", "migrate", "stats")
        with open_database(settings) as database:
            images = read_statistics(database).as_json()["images"]
            page = gallery_of(database.http, endpoint)
    if images["total"] != shop.images or images["missing"]:
        raise DemoError(
            f"The demonstration ended with {images['stored']} of {shop.images} images stored."
        )
    if keep:
        console.say()
        console.say(f"Kept in {HOME}: start it with LOCAL_SUPABASE_HOME={HOME} and `local up`.")
    else:
        shutil.rmtree(HOME, ignore_errors=True)
    console.show(f"\nThe demonstration is over: all {shop.images} images are stored.")
    console.show(f"What a reader sees of them, with the publishable key alone: {page}")


def gallery_of(http: httpx.Client, endpoint: embedded.Endpoint) -> Path:
    """A page of what anybody may see; it stays when the demonstration's server is gone."""

    def fetch(url: str) -> bytes:
        answer = http.get(url)
        answer.raise_for_status()
        return answer.content

    shutil.rmtree(GALLERY, ignore_errors=True)
    listings = read_gallery(http, endpoint.url, publishable_key=endpoint.publishable_key)
    return write_gallery(listings, GALLERY, fetch=fetch)


def run_step(purpose: str, program: str, *arguments: str, expected: int = 0) -> None:
    """Show and run one command as the command line does. Raises DemoError when it ends otherwise.

    Within this process: seven starts of Python would cost more time than the work itself.
    """
    words = " ".join(f'"{one}"' if " " in one else one for one in (program, *arguments))
    console.say()
    console.say(f"--- {purpose}")
    console.say(f"$ {words}")
    code = PROGRAMS[program](list(arguments), prog_name=program, standalone_mode=False)
    if code == console.INTERRUPTED:
        raise KeyboardInterrupt
    if (code or 0) != expected:
        raise DemoError(f"`{words}` ended with exit code {code}; its lines above say why.")


@contextmanager
def own_supabase(home: Path, **variables: str) -> Iterator[tuple[Settings, embedded.Endpoint]]:
    """A new local Supabase in a folder of its own; the commands within find it, and nothing that
    the user has set for the user's own project.
    """
    settings = own_settings(home)
    embedded.down(settings)
    shutil.rmtree(home, ignore_errors=True)
    own = {
        "SUPABASE_URL": "local",
        "LOCAL_SUPABASE_HOME": str(settings.local_home),
        "LOCAL_SUPABASE_PORT": str(settings.local_port),
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "ENV_FILE": "none",
    }
    with embedded.using(settings) as found, environment(**own, **variables):
        yield replace(settings, supabase_url=found.url, supabase_key=found.secret_key), found


def own_settings(home: Path) -> Settings:
    """Settings of a local Supabase of a demonstration's own, on a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = Settings.from_environment({"SUPABASE_URL": "local"})
    return replace(base, local_home=home, local_port=port)
