"""The `migrate` command: reads its options, calls the library, prints what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from migrate.care.exclusions import exclude_image, include_image
from migrate.care.prune import prune_copies
from migrate.care.recheck import recheck_copies
from migrate.care.verify import verify_copies
from migrate.copying.migration import run_migration
from migrate.errors import UsageError
from migrate.queue.selection import Selection, select
from migrate.reports import preview
from migrate.reports.coverage import check_health, read_statistics
from migrate.reports.explain import explain_listing
from migrate.reports.progress import showing
from migrate.reports.report_page import write_report
from migrate.reports.summary import render_preview, render_summary
from migrate.run.options import MigrateOptions
from migrate.run.stopping import INTERRUPTED, stop_on_signals
from scraper.base import console
from scraper.base.blocks import Format, render
from scraper.base.logs import start_logging
from scraper.base.settings import Settings
from scraper.database.client import Database, connect
from scraper.net.guard import refuse_environment_proxies
from scraper.net.session import DealerSession

UNHEALTHY = 3


@dataclass(frozen=True)
class Command:
    """Everything the command line said, apart from how a run is done."""

    dealers: tuple[str, ...]
    listings: tuple[int, ...]
    dry_run: bool
    stats: bool
    check: bool
    max_pending: int
    report: Path | None
    explain: int | None
    verify: bool
    deep: bool
    prune: bool
    recheck: bool
    exclude: str | None
    include: str | None
    reason: str | None
    output: Format

    def mode(self) -> str:
        """The one thing to do besides a run, by its option; "run" when there is none.

        Raises:
            UsageError: for options that exclude each other or miss their partner.
        """
        named = {
            "--stats": self.stats,
            "--check": self.check,
            "--report": self.report is not None,
            "--explain": self.explain is not None,
            "--verify": self.verify,
            "--prune": self.prune,
            "--recheck": self.recheck,
            "--exclude": self.exclude is not None,
            "--include": self.include is not None,
        }
        modes = [name for name, is_given in named.items() if is_given]
        if modes == ["--stats", "--check"]:
            return "--check"
        if len(modes) > 1:
            raise UsageError(f"{' and '.join(modes)} do not go together: give one of them.")
        mode = modes[0] if modes else "run"
        self._refuse_strays(mode)
        return mode

    def _refuse_strays(self, mode: str) -> None:
        if self.deep and mode != "--verify":
            raise UsageError("--deep belongs to --verify: migrate --verify --deep.")
        if self.reason is not None and mode != "--exclude":
            raise UsageError("--reason belongs to --exclude.")
        if self.dry_run and mode not in ("run", "--verify", "--prune", "--recheck"):
            raise UsageError(f"--dry-run does not go with {mode}.")
        if mode in ("--exclude", "--include") and (not self.dealers or self.listings):
            raise UsageError(f"{mode} needs --dealer NAME (and no --listing): whose image is it?")


def main() -> None:
    """The console script."""
    app()


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
@console.handles_errors
def migrate(
    dealer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this dealer; may be repeated.")
    ] = None,
    listing: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", min=1, help="Only this listing; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many listings in this run.")] = 500,
    batch_size: Annotated[
        int, typer.Option(min=1, max=1000, help="Listings claimed at a time.")
    ] = 50,
    workers: Annotated[int, typer.Option(min=1, max=100, help="Threads.")] = 10,
    per_host: Annotated[
        int, typer.Option(min=1, max=32, help="Most simultaneous requests to one host.")
    ] = 4,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Take failed and partial listings now, final states included, "
            "instead of the due ones.",
        ),
    ] = False,
    deadline: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", min=0.01, help="Stop claiming in time to finish by then."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done; no request, no write."),
    ] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Print statistics and stop.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Health check: exit 3 when too many listings are pending."),
    ] = False,
    max_pending: Annotated[
        int, typer.Option(min=0, help="Pending listings that --check still calls healthy.")
    ] = 100,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write the report page.")
    ] = None,
    explain: Annotated[
        int | None,
        typer.Option(metavar="ID", min=1, help="Everything known about one listing's images."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare records with the bucket and mend what is missing."),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="With --verify: read every copy and its digest.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Remove copies older than a day that nothing refers to."),
    ] = False,
    recheck: Annotated[
        bool,
        typer.Option("--recheck", help="Let the next run compare stored copies with their source."),
    ] = False,
    exclude: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST_OR_URL_PATTERN",
            help="Reject a dealer's banner or placeholder everywhere, past copies included; "
            "needs --dealer.",
        ),
    ] = None,
    include: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST_OR_URL_PATTERN",
            help="Take an exclusion back: its images are due again; needs --dealer.",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With --exclude: why, for the record.")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="How to print the result.", case_sensitive=False)
    ] = Format.TEXT,
) -> None:
    """Copy the images that are due into the bucket, or look after the copies that are there.

    Without options it drains what is due. Exit codes: 0 it did its work (dealers' failures are
    data), 1 it could not (database, storage or configuration), 2 wrong usage, 3 unhealthy
    (--check), 130 interrupted (claims given back).
    """
    command = Command(
        dealers=tuple(dealer or ()),
        listings=tuple(listing or ()),
        dry_run=dry_run,
        stats=stats,
        check=check,
        max_pending=max_pending,
        report=report,
        explain=explain,
        verify=verify,
        deep=deep,
        prune=prune,
        recheck=recheck,
        exclude=exclude,
        include=include,
        reason=reason,
        output=output,
    )
    options = MigrateOptions(
        limit=limit,
        batch_size=batch_size,
        workers=workers,
        per_host=per_host,
        retry_failed=retry_failed,
        deadline_s=None if deadline is None else deadline * 60,
    )
    code = _perform(command, options)
    if code:
        raise typer.Exit(code)


def _perform(command: Command, options: MigrateOptions) -> int:
    mode = command.mode()
    settings = Settings.from_environment()
    start_logging(settings)
    with connect(settings) as database:
        selection = select(
            database,
            dealers=command.dealers,
            listings=command.listings,
            with_deleted=mode == "--prune",
        )
        if mode != "run":
            return _MODES[mode](command, settings, database, selection)
        if command.dry_run:
            found = preview.read(
                database, selection, limit=options.limit, retry_failed=options.retry_failed
            )
            console.show(render_preview(found, command.output, limit=options.limit))
            return 0
        return _run(command, settings, database, options.narrowed(selection))


def _run(command: Command, settings: Settings, database: Database, options: MigrateOptions) -> int:
    refuse_environment_proxies(settings)
    with DealerSession(settings) as session, stop_on_signals() as stop:
        with showing() as progress:
            summary = run_migration(
                database,
                session,
                settings,
                options,
                progress=progress,
                say=console.say,
                stop=stop,
            )
        console.show(render_summary(summary, command.output))
    if summary.is_interrupted:
        console.say("Interrupted: claims were given back; run `migrate` again to go on.")
        return INTERRUPTED
    return 0


def _stats(command: Command, _settings: Settings, database: Database, selection: Selection) -> int:
    statistics = read_statistics(database, selection, max_pending=command.max_pending)
    _show(render(statistics, command.output))
    return 0


def _check(command: Command, settings: Settings, database: Database, selection: Selection) -> int:
    statistics = read_statistics(database, selection, max_pending=command.max_pending)
    health = check_health(statistics)
    if command.stats:
        _show(render(statistics, command.output))
    if not command.stats or command.output is not Format.JSON:
        _show(render(health, command.output))
    if settings.on_github_actions:
        console.say(health.annotation)
    return 0 if health.ok else UNHEALTHY


def _report(command: Command, _settings: Settings, database: Database, selection: Selection) -> int:
    assert command.report is not None
    written = write_report(command.report, database, selection, max_pending=command.max_pending)
    _show(render(written, command.output))
    return 0


def _explain(
    command: Command, _settings: Settings, database: Database, _selection: Selection
) -> int:
    assert command.explain is not None
    _show(render(explain_listing(database, command.explain), command.output))
    return 0


def _verify(command: Command, _settings: Settings, database: Database, selection: Selection) -> int:
    with stop_on_signals() as stop:
        found = verify_copies(
            database,
            selection,
            deep=command.deep,
            dry_run=command.dry_run,
            should_stop=stop.is_set,
        )
    _show(render(found, command.output))
    return INTERRUPTED if found.interrupted else 0


def _prune(command: Command, _settings: Settings, database: Database, selection: Selection) -> int:
    with stop_on_signals() as stop:
        removed = prune_copies(
            database, selection, dry_run=command.dry_run, should_stop=stop.is_set
        )
    _show(render(removed, command.output))
    return INTERRUPTED if removed.interrupted else 0


def _recheck(
    command: Command, _settings: Settings, database: Database, selection: Selection
) -> int:
    with stop_on_signals() as stop:
        done = recheck_copies(database, selection, dry_run=command.dry_run, should_stop=stop.is_set)
    _show(render(done, command.output))
    return INTERRUPTED if done.interrupted else 0


def _exclude(
    command: Command, _settings: Settings, database: Database, selection: Selection
) -> int:
    assert command.exclude is not None
    done = exclude_image(
        database, command.exclude, dealer_ids=selection.dealer_ids, reason=command.reason
    )
    _show(render(done, command.output))
    return 0


def _include(
    command: Command, _settings: Settings, database: Database, selection: Selection
) -> int:
    assert command.include is not None
    done = include_image(database, command.include, dealer_ids=selection.dealer_ids)
    _show(render(done, command.output))
    return 0


def _show(text: str) -> None:
    console.show(text)


_MODES = {
    "--stats": _stats,
    "--check": _check,
    "--report": _report,
    "--explain": _explain,
    "--verify": _verify,
    "--prune": _prune,
    "--recheck": _recheck,
    "--exclude": _exclude,
    "--include": _include,
}
