"""`python -m flowenv` is the command line."""

from flowenv.cli import main

if __name__ == "__main__":
    main()
