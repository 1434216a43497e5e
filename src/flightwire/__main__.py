"""`python -m flightwire` is the `flightwire` command."""

from flightwire.cli.main import main

if __name__ == "__main__":
    main()
