"""Every function of the database that the program calls, and what with where there is much.

Shared by the tests, which count blocks, and `make bench`, which measures seconds. Arguments name
what differs with the size: {mid}, {late}: numbers of listings, {name}: an object's name near the
end, {dealer}: a dealer's number, {token}: the token of a claim.
"""

# ruff: noqa: E501 - a line of SQL reads better unbroken

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]

FLAT = {
    "schema_version": "",
    "claim_listings": "null, 20, 30, null, null, false, null",
    "waiting_claims": "null, null, null",
    "explain_listing": "{mid}",
    "image_statistics of a small dealer": "array[(select id from dealers where name = 'Small')], null",
    "image_statistics of a listing": "null, array[{mid}]",
    "finish_listing": "{mid}, gen_random_uuid(), '[]'",
    "record_images": "{mid}, gen_random_uuid(), '[]'",
    "record_results": """'[{{"listing_id": {mid}, "token": "{token}", "is_last": true, "results": []}}]'""",
    "extend_claims": "array[gen_random_uuid()], 30",
    "release_claims": "array[gen_random_uuid()]",
    "report_missing_copies": """'[{{"listing_id": {mid}, "position": 0, "storage_path": "x"}}]'""",
    "forget_retired": "array['x'], 3600",
    "start_run": "'migrate', null, 'x'",
    "finish_run": "1, 'completed', null, 0, 0, 0, 0, '{{}}'",
    "hold_host": "'d1.example', 5, 'asked'",
    "leave_host_alone": "'d1.example', null, 'timeout', 'no answer', null",
    "host_answered": "'d1.example', null",
    "lease_dealer": "{dealer}, '{token}', 'x', 60, 0, false, null",
    "extend_dealer_leases": "'{token}', 60",
    "leave_dealer": "{dealer}, '{token}', true",
    "confirm_listings": "array[{mid}, {late}]",
    "move_addresses": """{dealer}, '[{{"id": {mid}, "url": "https://moved.example/{mid}"}}]', '[]'""",
    "keep_images": "array[{mid}], array[0], null",
    "record_measures": """'[{{"listing_id": {mid}, "position": 0, "storage_path": "x"}}]'""",
    "list_exclusions": "",
    "health_news": "true",
    "health_untold": "true, now()",
    "note_coverage": "'[]'",
}
"""They cost the same however much there is."""

LINEAR = {
    "image_statistics": "null, null",
    "preview_claims": "20, null, null, false",
    "adopt_report": "0, 50",  # it says how many listings there are
    "report_pictures": "null, 12, 3",
    "look_alikes": "null, 10",
    "mirror_history": "null, 30, 20",
    "record_coverage": "null",
    "preview_exclusion": "{dealer}, null, '*/1.jpg'",
    "exclude_image": "{dealer}, null, '*/nothing-like-it.jpg', 'a test'",
    "include_image": "{dealer}, null, '*/nothing-like-it.jpg'",
}
"""They look at everything there is, or everything of a dealer."""

PAGES = {
    "recorded_copies": ["0, -1, 100, null, null", "{late}, -1, 100, null, null"],
    "recorded_copies of a dealer": ["0, -1, 20, '{{1}}', null", "{late}, -1, 20, '{{1}}', null"],
    "bucket_objects": ["'listing-images', '', '', 100", "'listing-images', '', '{name}', 100"],
    "unreferenced_copies": [
        "'listing-images', '', 100, 0, 3600, null, null",
        "'listing-images', '{name}', 100, 0, 3600, null, null",
    ],
    "recheck_copies": ["0, 50, null, null, true", "{late}, 50, null, null, true"],
    "adopt_listings": ["0, 50", "{late}, 50"],
    "copies_to_measure": ["0, -1, 100, null, null", "{late}, -1, 100, null, null"],
}
"""They are read page after page: the first page, and one near the end."""


def all_calls() -> list[tuple[str, str]]:
    """Every function with its arguments; a function read in pages with each of them."""
    pages = [(name, arguments) for name, pair in PAGES.items() for arguments in pair]
    return [*FLAT.items(), *LINEAR.items(), *pages]


def called_by_the_program() -> set[str]:
    """The functions that the packages' source names as called through the data API."""
    packages = ("scraper", "migrate", "workflows")
    sources = [
        path.read_text("utf-8") for name in packages for path in (PROJECT / name).rglob("*.py")
    ]
    granted = (PROJECT / "supabase/migrations/20261123092500_access.sql").read_text("utf-8")
    (block,) = re.findall(r"foreach wanted in array array\[(.*?)\]", granted, re.DOTALL)
    functions = re.findall(r"'(\w+)'", block)
    return {
        name for name in functions if any(re.search(rf'["/]{name}"', source) for source in sources)
    }
