"""What several pages are put together from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from squadiq.mock.page.markup import Child, Markup, element, joined
from squadiq.mock.page.masking import masked_name, masked_phone_number, without_numbers

ROOT = "/_mock/page"
ROWS = 50
"""Rows of a page that goes on to a next one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold what a browser asks for.

    Args:
        path: of the page.
        before: rows of a list before this one, None for the latest.
        revealed: whether somebody asked for personal data.
    """

    path: str
    before: int | None = None
    revealed: bool = False

    def address(self, *, before: int | None = None, revealed: bool | None = None) -> str:
        """Return where the same page is, at other rows or with other things shown."""
        revealed = self.revealed if revealed is None else revealed
        query = [f"before={before}"] * (before is not None) + ["reveal=1"] * revealed
        return self.path + ("?" + "&".join(query) if query else "")

    @property
    def here(self) -> str:
        """Where this page is."""
        return self.address(before=self.before)


@dataclass(frozen=True, slots=True)
class View:
    """Hold a page: its title, and by id the sections that may change while it is looked at."""

    title: str
    sections: dict[str, Markup] = field(default_factory=dict[str, Markup], repr=False)
    status: int = 200


def refusal_view(status: int, title: str, words: str) -> View:
    """Return the page that says why there is none, or why nothing was done."""
    content = joined((element("h1", title), element("p", words, class_="quiet")))
    return View(title, {"main": content}, status)


def nothing_here() -> View:
    """Return the page for what is not, or no more."""
    return refusal_view(404, "Not found", "There is no such thing here, or no more.")


def moment_shown(seconds: float) -> Markup:
    """Return a time, in seconds since the epoch, to the second."""
    moment = datetime.fromtimestamp(int(seconds), UTC)
    day = element("span", f"{moment.day} {moment:%b} ", class_="day")
    return element("time", day, f"{moment:%H:%M:%S}", datetime=moment.isoformat())


def moment_in(iso: str) -> Markup:
    """Return a time that stands in ISO form."""
    return moment_shown(datetime.fromisoformat(iso).timestamp())


def table(name: str, headings: Sequence[str], rows: Iterable[Markup], empty: str) -> Markup:
    """Return a table, or words if there is no row."""
    body = joined(rows)
    if not body:
        return element("p", empty, class_="quiet")
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    return element("table", element("thead", head), element("tbody", body), class_=name)


def row(key: str, headings: Sequence[str], cells: Sequence[Child]) -> Markup:
    """Return a row of a table; on a narrow screen each cell stands with its heading."""
    return element(
        "tr",
        *(element("td", cell, data_label=heading) for heading, cell in zip(headings, cells, strict=True)),
        id=key,
    )


def link(address: str, *words: Child) -> Markup:
    """Return a link."""
    return element("a", *words, href=address)


def badge(kind: str, words: str) -> Markup:
    """Return a word that a colour goes with."""
    return element("span", words, class_=f"badge {kind}")


def status_badge(status: int) -> Markup:
    """Return the status of a response."""
    kind = {2: "good", 3: "good", 4: "warn"}.get(status // 100, "bad")
    return badge(kind, str(status))


def state_badges(lead: dict[str, Any]) -> Markup:
    """Return in which state a lead is."""
    converted = badge("converted", "converted") if lead["converted_at"] else None
    return joined((badge(lead["state"], lead["state"]), " " if converted else None, converted))


def person(lead: dict[str, Any], asked: Asked) -> Markup:
    """Return name and phone number of a lead, masked until somebody asks."""
    name, phone_number = lead["contact_name"], lead["phone_number"]
    if not asked.revealed:
        name, phone_number = masked_name(name), masked_phone_number(phone_number)
    return joined((outside(name), " ", element("span", phone_number, class_="number")))


def name_of(lead_id: str, asked: Asked) -> Markup:
    """Return a lead_id, masked until somebody asks if it may be a phone number."""
    return outside(lead_id if asked.revealed else without_numbers(lead_id))


def outside(text: str) -> Markup:
    """Return text from outside, which keeps its direction of writing to itself."""
    return element("bdi", text)


def fact(term: str, *words: Child) -> Markup:
    """Return a term with what is to be said of it, for a list of descriptions."""
    return element("div", element("dt", term), element("dd", *words))


def action(address: str, words: str, asked: Asked, *, label: str | None = None, **fields: Child) -> Markup:
    """Return a button that does something, and comes back to the page."""
    hidden = (element("input", type="hidden", name=name, value=value) for name, value in fields.items())
    back = element("input", type="hidden", name="back", value=asked.here)
    button = element("button", words, aria_label=label)
    return element("form", back, *hidden, button, method="post", action=ROOT + address)


def reveal_link(asked: Asked) -> Markup:
    """Return the link that shows personal data, or hides them."""
    words = "Hide personal data" if asked.revealed else "Show personal data"
    return element(
        "a", words, href=asked.address(before=asked.before, revealed=not asked.revealed), class_="reveal", id="reveal"
    )


def pages(asked: Asked, last: int | None) -> Markup | None:
    """Return links to the latest rows and to older ones.

    Args:
        asked: the page.
        last: the last row that is shown, None if there is no older one.
    """
    latest = None if asked.before is None else element("a", "Latest", href=asked.address(), id="latest")
    older = None if last is None else element("a", "Older", href=asked.address(before=last), id="older", rel="next")
    return element("nav", latest, older, class_="pages", aria_label="Rows") if latest or older else None
