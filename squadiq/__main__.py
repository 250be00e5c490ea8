"""The command `squadiq`, also as `python -m squadiq`."""

from __future__ import annotations

import sys

from squadiq.errors import MissingExtraError


def main() -> None:
    """Run the command line; exit 2 with one line if a needed extra is missing."""
    try:
        from squadiq.cli import run

        run()
    except MissingExtraError as missing:
        print(f"squadiq: {missing}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
