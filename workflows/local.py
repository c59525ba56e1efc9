"""`local up|down|status|env`: the local Supabase by hand; scraper.database.embedded works."""

from __future__ import annotations

import typer

from scraper.base import console
from scraper.base.command_line import application
from scraper.base.errors import EmbeddedError
from scraper.base.settings import Settings

local_app = application("Start, stop or ask the local Supabase.")


@local_app.command()
@console.handles_errors
def up() -> None:
    """Start the local Supabase and leave it running until `down`."""
    from scraper.database import embedded

    settings = _settings()
    endpoint, ran = embedded.up(settings)
    if ran:
        console.show(f"The local Supabase is already running at {endpoint.url}.", of_work=True)
    else:
        console.show(
            f"The local Supabase runs at {endpoint.url}; its data: {settings.local_home}.",
            of_work=True,
        )


@local_app.command()
@console.handles_errors
def down() -> None:
    """Stop the local Supabase; its data stay."""
    from scraper.database import embedded

    stopped = embedded.down(_settings())
    console.show(
        "The local Supabase is stopped." if stopped else "The local Supabase was not running.",
        of_work=True,
    )


@local_app.command()
@console.handles_errors
def status() -> None:
    """Say whether the local Supabase runs; exit code 1 when it does not."""
    from scraper.database import embedded

    settings = _settings()
    endpoint = embedded.running(settings)
    if endpoint is None:
        console.show(f"not running (data: {settings.local_home})")
        raise typer.Exit(1)
    console.show(f"running at {endpoint.url} (data: {settings.local_home})")


@local_app.command()
@console.handles_errors
def env() -> None:
    """Print SUPABASE_URL and SUPABASE_SECRET_KEY of the running local Supabase."""
    from scraper.database import embedded

    endpoint = embedded.running(_settings())
    if endpoint is None:
        raise EmbeddedError(
            "The local Supabase is not running: start it with `python -m workflows local up`."
        )
    console.show(f"SUPABASE_URL={endpoint.url}\nSUPABASE_SECRET_KEY={endpoint.secret_key}")


def _settings() -> Settings:
    from scraper.base.logs import start_logging

    settings = Settings.from_environment()
    start_logging(settings)
    return settings
