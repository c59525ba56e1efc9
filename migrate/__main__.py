"""`python -m migrate` is the `migrate` command; nothing else happens here."""

from migrate.cli import main

main()
