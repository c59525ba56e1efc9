"""A static page of listings as any reader may see them: what it shows comes from `listing_gallery`,
read with the publishable key, and from the public addresses of the copies. It knows no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import httpx

from workflows.placeholder_picture import placeholder_url

COPIES = "copies"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The mirror, as a reader sees it</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; }}
article {{ margin: 0 0 2.5rem; }}
h2 {{ font-size: 1.1rem; }}
.images {{ display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }}
img {{ background: #ddd; display: block; height: auto; width: 100%; }}
img.unmeasured {{ aspect-ratio: 3 / 2; object-fit: contain; }}
</style>
<h1>{heading}</h1>
{articles}
</html>
"""


def read_gallery(http: httpx.Client, url: str, *, publishable_key: str) -> list[dict[str, Any]]:
    """Every listing that has an image, as somebody with this key and no other sees them."""
    headers = {"apikey": publishable_key, "Authorization": f"Bearer {publishable_key}"}

    def rows(view: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = http.get(f"{url}/rest/v1/{view}", params=params, headers=headers)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    titles = {row["id"]: row["title"] for row in rows("listings", {"select": "id,title"})}
    shown = {"select": "listing_id,images", "image_count": "gt.0", "order": "listing_id"}
    return [
        {**row, "title": titles.get(row["listing_id"])} for row in rows("listing_gallery", shown)
    ]


def write_gallery(
    listings: Sequence[Mapping[str, Any]], folder: Path, *, fetch: Callable[[str], bytes]
) -> Path:
    """Write `index.html`, and beside it the copies, so that it shows without any server.

    Each picture has its size and its placeholder before it is there: nothing moves while the page
    loads, and nothing is blank.
    """
    copies = folder / COPIES
    copies.mkdir(parents=True, exist_ok=True)
    shown = 0
    articles = []
    for listing in listings:
        pictures = []
        for image in listing["images"]:
            source = str(image["url"])
            if image["is_copy"]:
                name = f"{listing['listing_id']}-{source.rsplit('/', 1)[-1]}"
                (copies / name).write_bytes(fetch(source))
                source = f"{COPIES}/{name}"
            pictures.append(_picture(image, source, alt=str(listing["title"] or "")))
            shown += 1
        title = escape(str(listing["title"] or f"Listing {listing['listing_id']}"))
        articles.append(
            f'<article><h2>{title}</h2><div class="images">{"".join(pictures)}</div></article>'
        )
    heading = f"{len(listings)} listings, {shown} images"
    page = folder / "index.html"
    page.write_text(PAGE.format(heading=heading, articles="\n".join(articles)), "utf-8")
    return page


def _picture(image: Mapping[str, Any], source: str, *, alt: str) -> str:
    """Until it is there: its placeholder in its size, or a plain field of the usual shape."""
    size = ' class="unmeasured"'
    if image["width"] and image["height"]:
        size = f' width="{int(image["width"])}" height="{int(image["height"])}"'
    return (
        f'<img src="{escape(source)}" alt="{escape(alt)}"{size}{_ground(image)} '
        "onload=\"this.style.background='none'\">"
    )


def _ground(image: Mapping[str, Any]) -> str:
    ground = str(image["average_color"] or "")
    with suppress(ValueError):  # nothing a reader must be told: the colour is there
        if image["placeholder"]:
            picture = placeholder_url(str(image["placeholder"]))
            ground += f" url({picture}) 0 0 / 100% 100% no-repeat"
    return f' style="background:{escape(ground.strip())}"' if ground else ""
