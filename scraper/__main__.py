"""The `scrape` command, also as `python -m scraper`; nothing else happens here."""

from scraper.base.starting import start


def main() -> None:
    start("scraper.cli.app")


if __name__ == "__main__":
    main()
