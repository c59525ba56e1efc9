"""Each example of docs/readers.md is run as it stands, with the publishable key and no other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from scraper.database.embedded.node import node_program, server_program

DOCUMENT = Path(__file__).parents[2] / "docs" / "readers.md"
DEALER, LISTING = 3, 204  # as the document has them


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def stock(world: Any, source: Any) -> list[str]:
    """The document's listing with three images, of which one is not there; what a reader sees."""
    urls = [*source.urls("ok", 2), source.url("html", "x", host="127.0.0.2")]
    world.database.table("dealers").insert({"id": DEALER, "name": "Aoi Art"}).execute()
    row = {"id": LISTING, "url": "https://aoi.example/204", "dealer_id": DEALER, "images": urls}
    world.database.table("listings").insert(row | {"title": "Katana"}).execute()
    world.command()
    copies: list[str] = world.listing(LISTING)["stored_images"]
    assert len(copies) == 2
    return copies


def run(*command: str) -> Any:
    """What a program prints, in a process of its own: clients leave their connections open."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_python_examples(stock: list[str], local_supabase: Any, tmp_path: Path) -> None:
    (example,) = examples("python")
    told = (local_supabase.url, local_supabase.publishable_key)
    script = tmp_path / "reader.py"
    script.write_text(
        f"import json, supabase\nsupabase = supabase.create_client(*{told})\n"
        f"{example}\nprint(json.dumps(rows))",
        "utf-8",
    )
    rows = run(sys.executable, "-W", "ignore", str(script))
    assert [(row["position"], row["url"], row["is_copy"]) for row in rows] == [
        (0, stock[0], True),
        (1, stock[1], True),
    ]
    assert set(rows[0]) == {
        "listing_id", "position", "url", "is_copy", "width", "height", "content_type", "bytes",
        "placeholder", "average_color",
    }  # fmt: skip


def test_the_javascript_examples(stock: list[str], local_supabase: Any, tmp_path: Path) -> None:
    # The local server's own packages have the public client among them.
    packages = server_program().parents[4] / "package.json"
    first, second = examples("js")
    told = [str(packages), local_supabase.url, local_supabase.publishable_key]
    script = tmp_path / "reader.cjs"
    script.write_text(
        f"""
        const [packages, url, key] = {json.dumps(told)}
        const wanted = require('module').createRequire(packages)
        const {{ createClient }} = wanted('@supabase/supabase-js')
        const supabase = createClient(url, key)
        ;(async () => {{
        const results = []
        {{ {first}
        results.push(data) }}
        {{ {second}
        results.push(page, pictures) }}
        console.log(JSON.stringify(results))
        }})()
        """,
        "utf-8",
    )
    gallery, page, pictures = run(str(node_program()), str(script))
    assert [one["url"] for one in gallery[0]["images"]] == stock
    assert gallery[0]["cover"]["url"] == pictures[0]["cover"]["url"] == stock[0]
    assert (page[0]["id"], page[0]["title"]) == (LISTING, "Katana")


def test_what_is_the_mirrors_own_is_closed_to_a_reader(
    stock: list[str], local_supabase: Any
) -> None:
    key = local_supabase.publishable_key
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    # Columns that nobody was granted are closed on a real Postgres only: tests/database.
    for asked in (
        "image_queue",
        "listing_image_events",
        "scrapes",
    ):
        answer = httpx.get(f"{local_supabase.url}/rest/v1/{asked}", headers=headers)
        assert answer.status_code in (401, 403, 404) or answer.json() == [], asked
    answer = httpx.post(f"{local_supabase.url}/rest/v1/rpc/look_alikes", headers=headers, json={})
    assert answer.status_code in (401, 403, 404)
    for copy in stock:
        picture = httpx.get(copy)
        assert picture.status_code == 200 and picture.headers["content-type"] == "image/jpeg"
