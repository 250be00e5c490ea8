"""Whether a caller would rather have a page than JSON (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations


def prefers_page(accept: str) -> bool:
    """Return whether `text/html` is named in an `Accept`, and not below JSON."""
    weights: dict[str, float] = {}
    for each in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in each.split(";"))
        weights[media_type] = next((_weight(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
    json = weights.get("application/json", weights.get("application/*", weights.get("*/*", 0.0)))
    return weights.get("text/html", 0.0) >= max(json, 0.001)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
