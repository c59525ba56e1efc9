"""The one address of an item; it knows how addresses are spelled, not what stands behind them."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

_DEFAULT_PORT = {"http": 80, "https": 443}
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})|%")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNRESERVED = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~&"
)  # and "&", which servers read alike raw and as %26 in a path
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
_DOT_SEGMENT = re.compile(r"(?:^|/)\.\.?(?:/|$)")
_FILE_NAME = re.compile(r"\.[A-Za-z0-9]{1,5}$")

# Parameters that say where a visitor came from or what a button does, never which item is shown.
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|srsltid|msclkid|yclid|twclid|ttclid|igshid|igsh|mc_[ce]id"
    r"|_ga|_gl|_hsenc|_hsmi|mkt_tok|li_fat_id|epik|(?:pk|mtm|matomo)_\w+|_pos|_psq|_sid|_ss"
    r"|add-to-cart|added-to-cart|remove_item|add_to_wishlist|_wpnonce|replytocom|doing_wp_cron"
    r"|phpsessid|jsessionid|oscsid|ecsessid",
    re.IGNORECASE,
)


def canonical_url(
    url: str,
    *,
    scheme: str | None = None,
    host_aliases: Mapping[str, str | None] | None = None,
    trailing_slash: bool | None = False,
    identity_parameters: Collection[str] = (),
    identity_fragment: str | None = None,
) -> str:
    """Return the one spelling under which the item behind `url` is stored.

    Args:
        scheme: "https" or "http" to fold both into one; None keeps what is there. An address with
        a port of
            its own keeps its scheme: the other scheme does not answer there.
        host_aliases: exact host -> the host it stands for. Never a substring test (nihonto.com is
        not
            nihonto.com.au). None as the value leaves that host alone.
        trailing_slash: True adds one (not after a file name), False removes it, None leaves it.
        identity_parameters: query parameters that are kept even though they look like tracking.
        identity_fragment: regular expression of fragments that name an item ("item\\d+"); others
        are dropped.

    A numeric tail and every unknown parameter stay: they name items (`-2`, `?p=131166`,
    `?product_id=345`).
    Text that is no http(s) address comes back as it is, trimmed.
    """
    trimmed = _CONTROL.sub("", url).strip()
    try:
        parts = urlsplit(decode_entities_once(trimmed))
        port = parts.port
    except ValueError:
        return trimmed
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _DEFAULT_PORT or not host:
        return trimmed
    ascii_host = _ascii_host(host)
    if ascii_host is None:
        return trimmed
    new_host = (host_aliases or {}).get(ascii_host) or ascii_host
    if port == _DEFAULT_PORT[parts.scheme]:
        port = None
    new_scheme = scheme if scheme and port is None else parts.scheme
    netloc = f"[{new_host}]" if ":" in new_host else new_host
    netloc += f":{port}" if port is not None else ""
    kept = (
        parts.fragment
        if identity_fragment and re.fullmatch(identity_fragment, parts.fragment)
        else ""
    )
    path = _slash(_path(parts.path), trailing_slash)
    return urlunsplit((new_scheme, netloc, path, _query(parts.query, identity_parameters), kept))


def same_host_family(host: str, domain: str) -> bool:
    """Say whether `host` is `domain` or below it: exact or as a dot-suffix, never a substring.

    A substring test once sent nihonto.com.au to the scraper of nihonto.com.
    """
    mine, theirs = _bare(host), _bare(domain)
    return bool(theirs) and (mine == theirs or mine.endswith("." + theirs))


def _bare(host: str) -> str:
    ascii_host = _ascii_host(host.strip().rstrip("."))
    return (ascii_host or "").removeprefix("www.")


def _ascii_host(host: str) -> str | None:
    """Return the host in lower-case ASCII (Punycode for Japanese names), None when it is not a
    host name."""
    lowered = host.lower()
    if lowered.isascii():
        return lowered if re.fullmatch(r"[a-z0-9._:\-]+", lowered) else None
    try:
        encoded = lowered.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return encoded if re.fullmatch(r"[a-z0-9._\-]+", encoded) else None


def decode_entities_once(url: str) -> str:
    """Decode `&amp;` and its like once; a bare `&copy=` is a parameter, so only forms with a
    semicolon count."""
    return _CONTROL.sub("", _ENTITY.sub(lambda found: html.unescape(found[0]), url)).strip()


def _path(path: str) -> str:
    """Return the path with one spelling of each character; Japanese in UTF-8 percent form, %26 as
    &."""

    def spell(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%25"
        code = int(found[1], 16)
        return chr(code) if code in _UNRESERVED else f"%{code:02X}"

    spelled = quote(_ESCAPE.sub(spell, path), safe=_PATH_SAFE, errors="replace")
    # What still looks like an entity was encoded twice; escaped, it cannot be decoded a second
    # time.
    spelled = _ENTITY.sub(lambda found: found[0][:-1] + "%3B", spelled)
    return _without_dots(spelled) or "/"


def _without_dots(path: str) -> str:
    """Resolve `.` and `..`; empty segments (`//`) stay, some servers mean them."""
    if not _DOT_SEGMENT.search(path):
        return path
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
        if last and segment in (".", ".."):
            kept.append("")
    return "/".join(kept)


def _slash(path: str, wanted: bool | None) -> str:
    if wanted is False:
        return path.rstrip("/") or "/"
    if wanted and not path.endswith("/") and not _FILE_NAME.search(path):
        return path + "/"
    return path


def _query(query: str, identity_parameters: Collection[str]) -> str:
    """Return the query without tracking parameters, sorted and spelled by w3lib."""
    kept = [
        pair for pair in query.split("&") if pair and not _is_tracking(pair, identity_parameters)
    ]
    if not kept:
        return ""
    spelled = urlsplit(canonicalize_url("https://host/?" + "&".join(kept))).query
    return _ENTITY.sub(lambda found: found[0][:-1] + "%3B", spelled)


def _is_tracking(pair: str, identity_parameters: Collection[str]) -> bool:
    name = unquote_to_bytes(pair.partition("=")[0]).decode("utf-8", "replace")
    return name not in identity_parameters and _TRACKING.fullmatch(name) is not None
