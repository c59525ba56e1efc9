"""`python -m workflows`: the parts put together; see `--help`."""

from scraper.base.starting import start

if __name__ == "__main__":
    start("workflows.cli")
