"""`listing-mirror`, also as `python -m workflows`: the parts put together; see `--help`."""

from scraper.base.starting import start


def main() -> None:
    start("workflows.cli")


if __name__ == "__main__":
    main()
