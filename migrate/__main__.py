"""The `migrate` command, also as `python -m migrate`; nothing else happens here."""

from scraper.base.starting import start


def main() -> None:
    start("migrate.cli.app")


if __name__ == "__main__":
    main()
