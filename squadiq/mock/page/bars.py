"""Bars, drawn without a style of their own: the page's policy allows none in an element. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from squadiq.mock.page.markup import Markup, element


def bar(words: str, parts: Mapping[str, int], whole: int) -> Markup:
    """Return a bar of which parts are filled.

    Args:
        words: what it shows, for who cannot see it.
        parts: how much is filled, by kind, from the left.
        whole: how much it would be in all.
    """
    start, drawn = 0.0, list[Markup]()
    for kind, part in parts.items():
        width = 100 * min(1.0, part / max(1, whole))
        drawn.append(element("rect", class_=kind, x=f"{start:.2f}%", width=f"{width:.2f}%", height="100%"))
        start += width
    return element("svg", *drawn, class_="bar", role="img", aria_label=words)
