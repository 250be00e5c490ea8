"""The command `squadiq`, also as `python -m squadiq`."""

from __future__ import annotations

import sys

from squadiq._version import __version__
from squadiq.errors import MissingExtraError

_EXTRAS = {"contract": "contract", "mock": "mock"}
"""Commands that need more than all commands do; what all need is in these extras too."""


def main() -> None:
    """Run the command line; exit 2 with one line if the extra for it is missing."""
    if sys.argv[1:] == ["--version"]:  # before all that commands import
        print(f"squadiq {__version__}")
        return
    try:
        from squadiq.cli import run
    except MissingExtraError as missing:
        extra = _EXTRAS.get("".join(sys.argv[1:2]), "cli")
        print(f"squadiq: {missing}".replace("squadiq[cli]", f"squadiq[{extra}]"), file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
