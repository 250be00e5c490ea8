"""However long an error response is and whatever it repeats, reading it takes little time."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from squadiq._body_parsing import parse_body
from squadiq._normalization import decoded, folded
from squadiq._redaction import Redactor
from squadiq.cli.output import shown
from squadiq.error_body import read_error_body, without_personal_data

pytestmark = pytest.mark.unmeasured

CHARACTERS = [
    *'<>0 (+-"[{&\\\0%@a.A_=/…\x80\xff\n',
    "<script",
    "<title>",
    "</title",
    "<!--",
    "&#",
    "&#x",
    "&lt",
    "%4",
    "\\u",
    "\\x4",
    "\u0301",
    "९",
    "\ud800",
    "\ue000",
    "Asha",
    "98765",
    "QUFB",
]
PAIRS = [first + second for first, second in itertools.permutations(CHARACTERS, 2)]
SENT = json.dumps([{"lead_id": "a", "phone_number": "+919876543210", "contact_name": "Asha Rao", "note": "a" * 99}])
GENEROUS_SECONDS = 10.0
"""Of processor time for what takes a tenth of a second; a quadratic expression took minutes."""


def seconds_of(text: str) -> float:
    began = time.process_time()
    for content_type in ("application/json", "text/html", "text/plain"):
        read_error_body(text.encode("utf-8", "replace"), content_type, SENT.encode())
    without_personal_data(text)
    shown(text)
    return time.process_time() - began


@pytest.mark.parametrize("character", CHARACTERS, ids=ascii)
def test_a_megabyte_of_one_character_is_read_at_once(character: str) -> None:
    assert seconds_of(character * (1_000_000 // len(character))) < GENEROUS_SECONDS


@pytest.mark.parametrize("before", ['{"detail": "', '{"', '[{"a": ["', "<html><title>", "<p>"])
@pytest.mark.parametrize("character", [" ", "a", "<", "&", "9", "\u0301", "-", "(9", "a@"], ids=ascii)
def test_a_megabyte_within_something_is_read_at_once(before: str, character: str) -> None:
    assert seconds_of(before + character * (1_000_000 // len(character))) < GENEROUS_SECONDS


def test_pairs_of_awkward_characters_cost_no_more() -> None:
    def cost(pair: str, size: int) -> float:
        began = time.process_time()
        read_error_body((pair * (size // len(pair))).encode("utf-8", "replace"), "text/html", SENT.encode())
        return time.process_time() - began

    slowest = sorted(PAIRS, key=lambda pair: cost(pair, 1000))[-5:]
    assert max(cost(pair, 1_000_000) for pair in slowest) < GENEROUS_SECONDS


@pytest.mark.parametrize("character", CHARACTERS, ids=ascii)
def test_what_scans_beneath_takes_long_texts_of_anything(character: str) -> None:
    """The bound on what is read is not all that keeps it fast."""
    text = character * (100_000 // len(character))
    began = time.process_time()
    decoded(text)
    folded(text)
    parse_body(text.encode("utf-8", "replace"), "text/html", 1000)
    assert time.process_time() - began < GENEROUS_SECONDS


def test_many_leads_and_many_words_are_read_at_once() -> None:
    leads = [
        {"lead_id": f"u{n}", "phone_number": f"+9198{n:08}", "contact_name": f"Asha{n} Rao{n}", "note": f"n {n} " * 9}
        for n in range(5000)
    ]
    body = json.dumps([{"note": [f"Odd: Asha{n} of {n}."]} for n in range(5000)]).encode()
    began = time.process_time()
    words = read_error_body(body, "application/json", json.dumps(leads).encode())
    assert time.process_time() - began < GENEROUS_SECONDS
    assert words.leads[0] == {"note": ("Odd: ….",)} or "Asha" not in str(words)


def test_many_values_in_one_text_are_taken_out_at_once() -> None:
    values = [f"{n:x}".replace("0", "g") * 3 for n in range(20_000)]
    began = time.process_time()
    assert Redactor(values).redacted([" ".join(values[:4000])])[0].strip("… ") == ""
    assert time.process_time() - began < 3 * GENEROUS_SECONDS
