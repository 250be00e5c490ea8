"""Objects of the user's own program, given on the command line as `module:variable`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TypeVar

from squadiq._extras import needs_extra

with needs_extra("cli"):
    import typer

KindT = TypeVar("KindT")


def imported(target: str, kind: type[KindT]) -> KindT:
    """Import an object as `module:variable`, from the current folder too.

    Raises:
        typer.BadParameter: there is none of that kind.
    """
    module_name, _, name = target.partition(":")
    what = kind.__name__
    if not module_name or not name:
        raise typer.BadParameter(f"{target!r} is not module:variable, such as myapp.leads:{what.lower()}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{module_name}.".startswith(f"{missing.name}."):
            raise
        raise typer.BadParameter(f"there is no module {missing.name!r} here or in the environment") from None
    found = getattr(module, name, None)
    if not isinstance(found, kind):
        article = "an" if what[0] in "AEIOU" else "a"
        raise typer.BadParameter(f"{name!r} in {module_name} is not {article} {what}")
    return found
