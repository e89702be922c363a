"""``python -m glisecrets``: the same as the command ``glisecrets``."""

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
