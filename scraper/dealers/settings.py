"""What may be set about a dealer without code, and which values make sense; it knows no dealer."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import soupsieve as css

from scraper.base.errors import ListingMirrorError

_TUPLES = (
    "host_aliases",
    "archive_hosts",
    "catalogue_urls",
    "excluded_pages",
    "identity_parameters",
    "image_selectors",
    "cut_selectors",
    "excluded_images",
    "required",
    "shop_names",
)
_TEXTS = (
    "catalogue_pattern",
    "product_pattern",
    "title_selector",
    "price_selector",
    "description_selector",
    "specification_selector",
    "status_selector",
    "encoding",
    "identity_fragment",
    "image_pattern",
    "host",
    "scheme",
    "accept_language",
)
_FLAGS = (
    "decimal_comma",
    "description_images",
    "old_tls",
    "uses_api",
    "verify_tls",
    "zero_is_inquiry",
)
SETTINGS = (
    *_TUPLES,
    *_TEXTS,
    *_FLAGS,
    "max_images",
    "delay_s",
    "trailing_slash",
    "moved_to",  # where the shop is since it has left its domain
    "referer",  # the migration's: nothing here sends one
)
_SELECTED = {
    "title_selector": "title",
    "price_selector": "price",
    "description_selector": "description",
    "specification_selector": "specification",
    "status_selector": "status",
    "image_selectors": "images",
}
_PATTERNS = (
    "identity_fragment",
    "product_pattern",
    "image_pattern",
    "catalogue_pattern",
    "excluded_pages",
    "excluded_images",
)
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class DealerSettingError(ListingMirrorError):
    """A setting that no dealer has, or with a value that makes no sense."""

    exit_code = 2


def parse_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored or typed settings as a dealer's fields. Raises DealerSettingError."""
    fields: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in SETTINGS:
            raise DealerSettingError(
                f"there is no dealer setting named {name!r}. Known settings: "
                f"{', '.join(sorted(SETTINGS))}."
            )
        if name in _TUPLES:
            values = value if isinstance(value, (list, tuple)) else [value]
            fields[name] = tuple(_text(name, each) for each in values)
        elif name in _TEXTS:
            fields[name] = _text(name, value)
        elif name in _FLAGS or name == "trailing_slash":
            fields[name] = _flag(name, value)
        elif name in ("max_images", "delay_s"):
            fields[name] = _number(name, value)
        elif name == "moved_to":
            fields |= _home(str(value))
    if selected := frozenset(_SELECTED[name] for name in fields if name in _SELECTED):
        fields["selected"] = selected
    return fields


def _text(name: str, value: Any) -> str:
    text = str(value)
    if name in _PATTERNS:
        _try(name, text, "a regular expression", lambda: re.compile(text), re.error)
    elif "selector" in name:
        _try(name, text, "a CSS selector", lambda: css.compile(text), css.SelectorSyntaxError)
    elif name == "encoding":
        _try(name, text, "an encoding that Python knows", lambda: codecs.lookup(text), LookupError)
    elif name == "catalogue_urls" and urlsplit(text).scheme not in ("http", "https"):
        raise DealerSettingError(f"the setting {name} needs an http(s) address, not {text!r}.")
    elif name == "accept_language" and not (text.isascii() and text.isprintable() and text.strip()):
        raise DealerSettingError(f"the setting {name} is like 'ja, en;q=0.5', not {text!r}.")
    elif name == "scheme" and text not in ("http", "https"):
        raise DealerSettingError(f"the setting {name} is http or https, not {text!r}.")
    return text


def _home(address: str) -> dict[str, Any]:
    """Return the fields that a dealer's address decides."""
    parts = urlsplit(address)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise DealerSettingError(f"the setting moved_to needs an http(s) address, not {address!r}.")
    bare = host.removeprefix("www.")
    return {"catalog_url": address, "domain": bare, "host": host, "scheme": parts.scheme}


def _try(
    name: str, text: str, what: str, act: Callable[[], object], error: type[Exception]
) -> None:
    try:
        act()
    except error as exc:
        why = str(exc).splitlines()[0]
        raise DealerSettingError(
            f"the setting {name} needs {what}, which {text!r} is not: {why}."
        ) from None


def _flag(name: str, value: Any) -> bool:
    word = str(value).lower()
    if word not in _YES + _NO:
        raise DealerSettingError(f"the setting {name} is true or false, not {value!r}.")
    return word in _YES


def _number(name: str, value: Any) -> int | float:
    lowest, highest = (1, 100) if name == "max_images" else (0, 3600)
    try:
        number = int(value) if name == "max_images" else float(value)
    except (TypeError, ValueError):
        raise DealerSettingError(f"the setting {name} needs a number, not {value!r}.") from None
    if not lowest <= number <= highest:
        raise DealerSettingError(
            f"the setting {name} is between {lowest} and {highest}, not {value!r}."
        )
    return number
