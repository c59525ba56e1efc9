"""Which Supabase a command uses, by its address and key; it reads no environment."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from scraper.base.errors import SettingsError

KEY_NAMES = ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY")
LOCAL = "local"


def supabase_of(given: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the settings that say which, from the variables that are set.

    Raises SettingsError for an address that is none, and for a key that is missing or too weak.
    """
    url = given.get("SUPABASE_URL")
    key_name = next((name for name in KEY_NAMES if name in given), None)
    if url is None or url.lower() == LOCAL:
        if url is None and key_name is not None:
            raise SettingsError(
                f"{key_name} is set but SUPABASE_URL is not: set it to your project's address, "
                "or to 'local' for the local Supabase."
            )
        return {"local": True, "local_by_name": url is not None}
    _check_url(url)
    if key_name is None:
        raise SettingsError(
            "SUPABASE_URL is set but no secret key: set SUPABASE_SECRET_KEY "
            "(dashboard, Settings, API keys, 'secret'), or unset SUPABASE_URL "
            "to use the local Supabase."
        )
    _check_key(given[key_name], key_name)
    return {"supabase_url": url.rstrip("/"), "supabase_key": given[key_name], "local": False}


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")  # as the resolver will; it refuses empty and over-long labels
        valid = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
        valid = valid and not re.search(r"[\s\"'<>]", url)
    except ValueError:
        valid = False
        parts = urlsplit("")
    if not valid or parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "SUPABASE_URL is not an address of a project: it should look like "
            "https://abcdefgh.supabase.co (or http://127.0.0.1:54321)."
        )
    if parts.path.strip("/"):
        raise SettingsError(
            f"SUPABASE_URL must end after the host name, without {parts.path!r}: "
            f"{parts.scheme}://{parts.netloc}"
        )


def _check_key(key: str, name: str) -> None:
    kind = _kind_of_key(key)
    if kind is not None:
        raise SettingsError(
            f"{name} holds {kind}, which may only read what everybody may: the secret key "
            "is needed (dashboard, Settings, API keys: 'sb_secret_…' or 'service_role')."
        )
    if not re.fullmatch(r"[!-~]+", key) or re.search(r"[\"'`]", key):
        raise SettingsError(
            f"{name} holds something that is no key (a quote, a blank, a foreign letter): "
            "copy it once more, without quotes around it."
        )


def _kind_of_key(key: str) -> str | None:
    """What a key is called when it cannot write: None for a secret key, or one we cannot tell."""
    if key.startswith("sb_publishable_"):
        return "a publishable key"
    if key.count(".") != 2:
        return None
    payload = key.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    return f"the key of the role '{role}'" if role not in (None, "service_role") else None
