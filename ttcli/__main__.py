"""`python -m ttcli` is `ttc`."""

from ttcli.cli.main import main

if __name__ == "__main__":
    main()
