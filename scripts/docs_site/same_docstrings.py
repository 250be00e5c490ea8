"""An extension of griffe: asynchronous classes have the docstrings of those whose methods they repeat.

`squadiq.campaign` copies them when it is imported; griffe reads the code without importing it.
"""

from __future__ import annotations

from typing import Any

import griffe  # type: ignore[import-not-found]

DECORATOR = "_documented_like"


class SameDocstrings(griffe.Extension):  # type: ignore[misc]
    """Carry docstrings over, as the decorator `_documented_like` does."""

    def on_class(self, *, cls: Any, **_: Any) -> None:
        """Give the methods of a decorated class the docstrings of its twin."""
        for decorator in cls.decorators:
            call = decorator.value
            if DECORATOR in str(call) and getattr(call, "arguments", None):
                twin = cls.parent.members.get(str(call.arguments[0]))
                for name, method in cls.members.items():
                    if twin is not None and method.docstring is None and name in twin.members:
                        method.docstring = twin.members[name].docstring
