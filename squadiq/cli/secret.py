"""Settings that hold secrets: from an option, from a file, or from the environment; never in a message.

The command line of a program stands in `ps` for every user of the machine; its environment and a
file with the right mode do not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

FILE_BYTES = 64 * 1024


class SecretError(ValueError):
    """A setting cannot be read; the message names it, and nothing of its value."""


def secrets_of(option: str, variable: str, given: Sequence[str], files: Sequence[Path]) -> tuple[list[str], str]:
    """Return secrets, one a line, and the name of where they are from; none and "" if nothing is set.

    Options go before the environment. With an option `--token` and a variable `SQUADIQ_MOCK_TOKEN`
    there are `--token-file` and `SQUADIQ_MOCK_TOKEN_FILE` too, and what both say is taken together.

    Raises:
        SecretError: a file cannot be read or has nothing in it, or a variable is empty.
    """
    if given or files:
        read = [line for path in files for line in _lines_of_file(f"{option}-file", path)]
        return [*given, *read], f"{option}-file" if read else option
    found: list[str] = []
    names: list[str] = []
    for name in (variable, f"{variable}_FILE"):
        if name in os.environ:
            value = os.environ[name]
            found += _lines(name, value) if name == variable else _lines_of_file(name, Path(value))
            names.append(name)
    return found, " and ".join(names)


def _lines_of_file(name: str, path: Path) -> list[str]:
    # Not its path: who takes one setting for the other has written the secret there.
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1)
        if len(text) > FILE_BYTES:
            raise SecretError(f"{name}: the file has more than {FILE_BYTES} bytes")
        return _lines(name, text.decode())
    except OSError as error:
        raise SecretError(f"{name}: the file cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SecretError(f"{name}: the file is not UTF-8") from None


def _lines(name: str, text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise SecretError(f"{name}: there is nothing in it")
    return lines
