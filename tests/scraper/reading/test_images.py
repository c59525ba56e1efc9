"""Which address of a picture is the shop's own file in full size."""

from __future__ import annotations

import pytest

from scraper.pages.document import page_from_html, parse
from scraper.reading.images import is_placeholder, original_of, pictures_in, settle

FILE = "https://shop.example/wp-content/uploads/2025/03/a.jpg"
SERVED = [  # address on the page, the shop's own
    (f"https://i0.wp.com/{FILE[8:]}?fit=1000%2C750&ssl=1", FILE),
    (f"https://i2.wp.com/{FILE[8:]}?resize=600%2C450", f"http://{FILE[8:]}"),
    (f"https://x1.i.optimole.com/cb:a/w:600/h:450/q:mauto/{FILE}", FILE),
    (f"https://sp-ao.shortpixel.example/client/to_auto,q_lossy/{FILE}", FILE),
    (f"https://shop.example/cdn-cgi/image/width=600,quality=75/{FILE}", FILE),
    ("https://i0.wp.com/a.jpg", "https://i0.wp.com/a.jpg"),
    (f"{FILE}?from=https://other.example/b.jpg", f"{FILE}?from=https://other.example/b.jpg"),
    (FILE, FILE),
]


@pytest.mark.parametrize(("served", "own"), SERVED)
def test_a_service_that_scales_is_passed_over(served: str, own: str) -> None:
    assert original_of(served) == own


def test_copies_of_several_sizes_from_a_service_are_one_picture() -> None:
    photon = f"https://i0.wp.com/{FILE[8:]}"
    html = (
        f'<a href="{photon}?fit=1000%2C750&#038;ssl=1"><img src="{photon}?resize=600%2C450&#038;'
        f'ssl=1" srcset="{photon}?w=300&#038;ssl=1 300w"></a><img src="{FILE[:-4]}-100x100.jpg">'
    )
    document = parse(page_from_html("https://shop.example/product/a/", f"<body>{html}</body>"))
    assert settle(pictures_in(document, [document.soup])) == (FILE,)


@pytest.mark.parametrize(
    ("name", "expected"), [("sold.jpg", True), ("sold2.gif", True), ("hold-01.jpg", False)]
)
def test_a_numbered_photograph_is_no_drawn_mark(name: str, expected: bool) -> None:
    assert is_placeholder(f"https://shop.example/wp-content/uploads/2025/03/{name}") is expected
