"""Writing HTML in which everything is escaped unless it is marked as markup. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_WITHOUT_END = frozenset(("input", "link", "meta"))


class Markup(str):
    """Hold text that is HTML already, and goes out as it stands."""

    __slots__ = ()


Child = str | int | None
"""What stands in an element: markup as it is, other text and numbers escaped, None as nothing."""


def element(name: str, /, *children: Child, **attributes: Child | bool) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: what stands in it.
        attributes: by name, with `_` for `-` and at the end of a name that Python keeps for itself; True
            gives the name alone, False and None leave it out.
    """
    start = "".join(f" {_attribute(key, value)}" for key, value in attributes.items() if value not in (None, False))
    inner = joined(children)
    return Markup(f"<{name}{start}>" if name in _WITHOUT_END else f"<{name}{start}>{inner}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Return what stands side by side."""
    return Markup("".join(_escaped(child) for child in children))


def _attribute(key: str, value: Child | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    return name if value is True else f'{name}="{escape(str(value))}"'


def _escaped(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else escape(str(child))
