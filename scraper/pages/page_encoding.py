"""The bytes of a page become text, whatever it declares; it knows encodings, not markup."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, resolve_encoding

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TRIALS = ("cp932", "euc_jp", "euc_jis_2004")


def decode(body: bytes, headers: Mapping[str, str], preferred: str | None = None) -> str:
    """Return the text of a page, whatever it declares.

    A BOM decides, or zeros between the letters. Then UTF-8 wins where it fits, because other text
    does not fit it by chance; a few broken letters (a text cut off in the middle of one) are no
    reason to doubt it. Then the dealer's encoding, the declared ones, CP932 and EUC-JP, each only
    when it decodes strictly; of several the one without runs of half-width kana: that is EUC-JP
    read as CP932.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body.decode(name, "replace")
    if (wide := _wide_encoding(body)) is not None:
        return body.decode(wide, "replace")
    content_type = next((v for k, v in headers.items() if k.lower() == "content-type"), None)
    header = http_content_type_encoding(content_type)
    declared = [header, html_body_declared_encoding(body[:8192])]
    if b"\x1b$" in body[:200_000] or b"\x1b(" in body[:200_000]:
        if (text := _strictly(body, "iso2022_jp_ext")) is not None:
            return text
    elif (text := _strictly(body, "utf-8") or _nearly_utf8(body)) is not None:
        return text
    named = [_codec(name) for name in (preferred, *declared) if name]
    trusted = [name for name in named if name not in ("cp1252", "latin_1", "iso8859-1", "utf-8")]
    texts = [t for name in (*trusted, *_TRIALS) if (t := _strictly(body, name)) is not None]
    if texts:
        return min(texts, key=_half_width_share)
    for name in named:
        if name in ("cp1252", "latin_1", "iso8859-1"):
            return body.decode("cp1252", "replace")
    return min((_loosely(body, name) for name in (*trusted, *_TRIALS)), key=_misread_letters)


def _wide_encoding(body: bytes) -> str | None:
    """Return UTF-16 for bytes of which every other one is zero around the markup's own letters."""
    head = body[:2_000]
    for name, zeros, others in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        wide = head[zeros::2].count(0)
        if wide * 4 > len(head) and wide > 10 * head[others::2].count(0):
            return name
    return None


def _codec(name: str) -> str:
    found = (resolve_encoding(name) or name).lower()
    return "cp932" if "shift" in found or "sjis" in found else found


def _strictly(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _loosely(body: bytes, name: str) -> str:
    try:
        return body.decode(name, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _misread_letters(text: str) -> int:
    return sum(1 for letter in text if letter == "\ufffd" or "\uff61" <= letter <= "\uff9f")


def _nearly_utf8(body: bytes) -> str | None:
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(1 for letter in text if letter > "\x7f") - broken
    return text if whole > 10 * broken else None


def _half_width_share(text: str) -> float:
    kana = sum(1 for letter in text if "\uff61" <= letter <= "\uff9f")
    return round(kana / max(1, sum(1 for letter in text if letter > "\x7f")), 1)
