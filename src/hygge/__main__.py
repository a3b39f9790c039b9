"""`python -m hygge` is `hygge`."""

from hygge.cli.app import main

if __name__ == "__main__":
    main()
