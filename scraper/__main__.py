"""`python -m scraper` is the `scrape` command."""

from scraper.cli import main

if __name__ == "__main__":
    main()
