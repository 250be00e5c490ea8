"""What goes wrong on purpose, and the form that plans more of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from squadiq.mock.core import Mock
from squadiq.mock.faults import FaultKind, planned_fault
from squadiq.mock.page.markup import Markup, element, joined
from squadiq.mock.page.pieces import ROOT, Asked, action, badge

_WORDS: dict[str, str] = {
    "429": "429, as if somebody else used the quota",
    "500": "500",
    "503": "503",
    "html": "502, a page of a proxy",
    "slow": "slow, 5 seconds late",
    "reset-before": "connection reset before it is carried out",
    "reset-after": "connection reset after it was carried out",
    "half": "half of the response",
}


def faults_section(mock: Mock, asked: Asked) -> Markup:
    """Return what is planned, and a form for more."""
    shown = mock.faults.shown()
    planned = [_planned(fault) for fault in shown["faults"]]
    met = ", ".join(f"{kind} × {count}" for kind, count in shown["met"].items())
    listed = element("ul", *planned, class_="faults") if planned else element("p", "None is planned.", class_="quiet")
    clear = action("/faults/clear", "Clear all", asked) if planned else None
    told = element("p", f"Met so far: {met}", class_="quiet") if met else None
    return joined((element("h2", "Faults"), _form(mock, asked), listed, told, clear))


def plant(mock: Mock, fields: Mapping[str, str]) -> None:
    """Plan what the form says.

    Raises:
        FaultError: it is not usable.
    """
    count = fields.get("count", "")
    options: dict[str, Any] = {"kind": fields.get("kind"), "operation": fields.get("operation") or None}
    if count:
        options["count"] = int(count) if count.isascii() and count.isdecimal() and len(count) < 10 else 0
    mock.add_fault(planned_fault(options))


def _planned(fault: dict[str, Any]) -> Markup:
    share = "" if fault["share"] == 1 else f", {fault['share']:.0%} of them"
    times = "until it is cleared" if fault["count"] is None else f"{fault['count']} more"
    where = fault["operation"] or "every operation"
    return element("li", badge("bad", fault["kind"]), f" {where}, {times}{share}")


def _form(mock: Mock, asked: Asked) -> Markup:
    kinds = (element("option", _WORDS[kind], value=kind) for kind in get_args(FaultKind))
    operations = (element("option", name, value=name) for name in mock.spec.operations)
    every = element("option", "every operation", value="")
    parts = (
        element("input", type="hidden", name="back", value=asked.here),
        element("label", "What", for_="kind"),
        element("select", *kinds, name="kind", id="kind"),
        element("label", "Where", for_="operation"),
        element("select", every, *operations, name="operation", id="operation"),
        element("label", "Times", for_="count"),
        element("input", type="number", name="count", id="count", min=1, max=999999, value=1, placeholder="no end"),
        element("button", "Plant"),
    )
    return element("form", *parts, method="post", action=f"{ROOT}/faults", class_="planting")
