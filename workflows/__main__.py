"""`python -m workflows`: the parts put together; see `--help`."""

from workflows.cli import main

if __name__ == "__main__":
    main()
