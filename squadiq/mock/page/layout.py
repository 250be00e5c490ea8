"""What all pages have around them. Pure."""

from __future__ import annotations

from squadiq.mock.page.markup import Markup, element, joined
from squadiq.mock.page.pieces import ROOT, Asked, View, action, moment_shown

_PLACES = (("/", "Overview"), (f"{ROOT}/calls", "Calls"), (f"{ROOT}/deliveries", "Deliveries"))


def whole_page(view: View, asked: Asked, clock: Markup) -> str:
    """Return a page as a document.

    Args:
        view: what is on it.
        asked: what was asked for.
        clock: the time of the leads.
    """
    head = (
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{view.title} · SquadIQ mock"),
        element("link", rel="icon", href=f"{ROOT}/icon.svg", type="image/svg+xml"),
        element("link", rel="stylesheet", href=f"{ROOT}/style.css"),
        element("script", src=f"{ROOT}/script.js", defer=True),
    )
    sections = (element("section", content, id=name) for name, content in view.sections.items())
    skip = element("a", "Skip to the content", href="#content", class_="skip")
    body = (skip, _header(asked), _time(asked, clock), element("main", *sections, id="content", tabindex="-1"))
    return "<!doctype html>" + element("html", element("head", *head), element("body", *body), lang="en")


def clock_face(now: float, speed: float) -> Markup:
    """Return the time of the leads, and how fast it passes if it is not that of everybody."""
    pace = None if speed == 1 else element("span", f" {speed:g} seconds in one", class_="quiet")
    return joined((moment_shown(now), " UTC", pace))


def _header(asked: Asked) -> Markup:
    links = (
        element("a", words, href=address, aria_current="page" if address == asked.path else None)
        for address, words in _PLACES
    )
    live = element("p", "Reload to see changes", id="live", role="status")
    brand = element("a", "SquadIQ mock", href="/", class_="brand")
    return element("header", brand, element("nav", *links, aria_label="Pages"), live)


def _time(asked: Asked, clock: Markup) -> Markup:
    passing = (
        action("/advance", "1 minute", asked, seconds=60),
        action("/advance", "1 hour", asked, seconds=3600),
        action("/process", "Until all are processed", asked),
    )
    face = element("p", clock, id="clock")
    words = element("span", "Let time pass", id="passing", class_="quiet")
    group = element("div", words, *passing, role="group", aria_labelledby="passing", class_="passing")
    return element("div", face, group, class_="time")
