"""Taking out of a server's words whatever was sent to it, in any form; see docs/decisions/0022.

Texts are compared by their letters and digits alone, without case, accents and separators, again after
each layer of escapes is undone. What is left is shown unescaped, so no form of it can hold more.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain, pairwise
from urllib.parse import parse_qsl

from squadiq._normalization import (
    BREAK,
    TAKEN_OUT,
    Folded,
    condensed,
    decoded,
    encoded_parts,
    folded,
    is_silent,
    without_breaks,
)
from squadiq._stock_messages import COMMON_WORDS, STOCK_MESSAGES

Span = tuple[int, int]

MASK = "…"

_LAYERS = 6
"""Escapes within escapes: a text that has more of them is not shown."""

_LONG = 5
"""Letters and digits from which on a sent value is found within other words too, as in `xLITEPLANx`."""

_PART = 4
"""Letters of a word of a name that is found within other words; of a part of a sent value; digits of a sent number."""

_SURE = 8
"""From which on a value is found from the middle of one word to the middle of another."""

_SECRET_PART = 6
_PHONE_DIGITS = 6
_LARGEST_GAP = 4
"""How many other characters may stand between two digits of one phone number."""

STOCK: frozenset[str] = (
    STOCK_MESSAGES | {each.phrase for each in HTTPStatus} | {f"{each} {each.phrase}" for each in HTTPStatus}
)
_CHUNK = re.compile(rf"[^\s<>()\"',;:{BREAK}]+")
_MASKS = re.compile(rf"\+?{TAKEN_OUT}(?:(?:[^\w{BREAK}{TAKEN_OUT}]|_){{0,3}}{TAKEN_OUT})*")
_PLAIN_WORDS = re.compile("[a-z]+|[0-9]+")
_BARE_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
)


@dataclass(frozen=True, slots=True)
class SentMetadata:
    """What goes with a request beside its body, in its address and its headers; the campaign_id is not part of it."""

    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def values(self) -> Iterable[str]:
        """Return what the query of the address says."""
        return (value for _, value in parse_qsl(self.query))

    def secrets(self) -> list[str]:
        """Return the access token and the values of headers that are not the client's own."""
        return [
            value.partition(" ")[2] or value if name.lower().endswith("authorization") else value
            for name, value in self.headers.items()
            if name.lower() not in _BARE_HEADERS
        ]


class Redactor:
    """Takes values out of texts, in whatever form they stand there.

    Args:
        values: what was sent: taken out whole, and each of its longer words.
        names: of people: taken out in shorter parts too.
        secrets: taken out in any longer part.
    """

    def __init__(self, values: Iterable[str] = (), *, names: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        names, secrets = list(names), list(secrets)
        given = dict.fromkeys((*values, *names, *secrets))
        plain = {condensed(value) for value in given} - {""}
        words = {word for value in given for word in words_of(value)}
        self._name_words = {word for name in names for word in words_of(name)}
        # Without a letter or digit there is nothing to go by but the signs themselves; a mere dash tells nothing.
        signs = {value.strip() for value in given if not condensed(value)}
        self._signs = {sign for sign in signs if len(sign) > 2 or not sign.isascii()}
        self._anywhere = {value for value in plain if len(value) >= _LONG or not value.isascii()}
        self._alone = plain - self._anywhere
        self._anywhere |= {word for word in self._name_words if len(word) >= _PART}
        self._joined = "\n".join(plain)
        self._beginnings = "\n" + "\n".join(words)
        self._digits = {part for word in words if word.isdecimal() for part in _grams(word, _PART)}
        self._digits |= {part for value in plain if value.isdecimal() for part in _grams(value, _PART)}
        self._secret_parts = {part for secret in secrets for part in _grams(condensed(secret), _SECRET_PART)}

    def redacted(self, texts: Sequence[str]) -> list[str]:
        """Return the texts without what was sent, without e-mail addresses and phone numbers; printable."""
        text = BREAK.join("" if each in STOCK else without_breaks(each) for each in texts)
        for _ in range(_LAYERS):
            text = self._masked(text)
            plainer = decoded(text)
            if plainer == text:
                break
            text = plainer
        else:
            text = self._masked(text)
        pieces = text.split(BREAK)
        return [
            given if given in STOCK else _tidy(piece) if decoded(piece) == piece else MASK
            for given, piece in zip(texts, pieces, strict=bool(texts))
        ]

    def _masked(self, text: str) -> str:
        for sign in self._signs:
            text = text.replace(sign, TAKEN_OUT)
        form = folded(text)
        hits = bytearray(len(form.text))
        found = (self._whole(form), self._words(form), self._secrets(form), phone_numbers(form, _PHONE_DIGITS))
        for start, end in chain.from_iterable(found):
            hits[start:end] = b"\1" * (end - start)
        return _without(text, sorted((*_spans(form, hits), *self._encoded(text), *email_addresses(text))))

    def _whole(self, form: Folded) -> Iterator[Span]:
        """Where whole values stand, short ones only as words of their own."""
        edges = set(form.runs)
        for start in form.runs:
            for end in range(start + 1, start + _LONG):
                if end in edges and form.text[start:end] in self._alone:
                    yield start, end
        beginnings = set(_grams(form.text, _PART))
        for value in self._anywhere:
            if len(value) < _PART or value[:_PART] in beginnings:
                end = 0
                while (start := form.text.find(value, end)) >= 0:
                    end = start + len(value)
                    # `tina` does not stand in "not in a field".
                    if len(value) >= _SURE or {start, end} <= edges or not any(form.gaps[start + 1 : end]):
                        yield start, end

    def _words(self, form: Folded) -> Iterator[Span]:
        """Where words stand that are parts of values."""
        known: dict[str, bool] = {}
        for start, end in pairwise(form.runs):
            word = form.text[start:end]
            if word not in known:
                known[word] = self._is_part(word)
            if known[word]:
                yield start, end

    def _is_part(self, word: str) -> bool:
        if word.isdecimal():
            return any(part in self._digits for part in _grams(word, _PART))
        if word in self._name_words:
            return len(word) > 2 or (len(word) == 2 and word not in COMMON_WORDS)
        if word in COMMON_WORDS:
            return False
        if len(word) >= _PART or (len(word) > 1 and not word.isascii()):
            return word in self._joined
        return len(word) == _PART - 1 and f"\n{word}" in self._beginnings

    def _secrets(self, form: Folded) -> Iterator[Span]:
        """Where parts of secrets stand."""
        if self._secret_parts:
            for start, part in enumerate(_grams(form.text, _SECRET_PART)):
                if part in self._secret_parts:
                    yield start, start + _SECRET_PART

    def _encoded(self, text: str) -> Iterator[Span]:
        """Where base64 or hexadecimal says something that was sent."""
        parts = list(encoded_parts(text))
        form = folded(BREAK.join(without_breaks(said) for _, _, said in parts))
        breaks = [place for place, character in enumerate(form.text) if character == BREAK]
        for start, _ in (*self._whole(form), *self._secrets(form)):
            yield parts[bisect_right(breaks, start)][:2]


def phone_numbers(form: Folded, least: int) -> Iterator[Span]:
    """Yield where in a folded text as many digits stand as a phone number has, separated or not."""
    first, last = 0, 0
    for start, end in pairwise(form.runs):
        if form.gaps[start] > _LARGEST_GAP or start != last:
            if last - first >= least:
                yield first, last
            first = last = start
        if form.text[start].isdecimal():
            last = end
        else:
            if last - first >= least:
                yield first, last
            first = last = end
    if last - first >= least:
        yield first, last


def email_addresses(text: str) -> Iterator[Span]:
    """Yield where in a text e-mail addresses stand."""
    for found in _CHUNK.finditer(text):
        if "@" in found[0][1:-1]:
            yield found.span()


def _spans(form: Folded, hits: bytearray) -> Iterator[Span]:
    """Where the hits stand in the text itself: whole words, and with them what is written without a gap."""
    groups: list[list[Span]] = []
    for start, end in pairwise(form.runs):
        glued = groups and not form.gaps[start] and BREAK not in form.text[start - 1 : start + 1]
        if glued:
            groups[-1].append((start, end))
        else:
            groups.append([(start, end)])
    for group in groups:
        first, last = group[0][0], group[-1][1]
        if hits.count(1, first, last) >= _PART - 1:
            yield form.at[first], form.at[last - 1] + 1
        else:
            for start, end in group:
                if hits.count(1, start, end):
                    yield form.at[start], form.at[end - 1] + 1


def _without(text: str, spans: Iterable[Span]) -> str:
    """The text with each span taken out, together with the accents and vowel signs after it."""
    kept: list[str] = []
    last = 0
    for start, end in spans:
        while end < len(text) and is_silent(text[end]):
            end += 1
        if start >= last:
            kept += (text[last:start], TAKEN_OUT)
        last = max(last, end)
    return "".join((*kept, text[last:]))


def _tidy(text: str) -> str:
    masked = _MASKS.sub(MASK, text)
    return " ".join("".join(character if character.isprintable() else " " for character in masked).split())


def words_of(text: str) -> Iterable[str]:
    """Return the words of a text, and its runs of digits, in the form in which texts are compared."""
    if text.isascii():  # most are, and a request may hold a hundred thousand
        return _PLAIN_WORDS.findall(text.lower())
    form = folded(without_breaks(text))
    return [form.text[start:end] for start, end in pairwise(form.runs)]


def _grams(text: str, length: int) -> Iterator[str]:
    return (text[start : start + length] for start in range(len(text) - length + 1))
