"""The `migrate` command, also as `python -m migrate`; nothing else happens here."""

from scraper.starting import start


def main() -> None:
    start("migrate.cli")


if __name__ == "__main__":
    main()
