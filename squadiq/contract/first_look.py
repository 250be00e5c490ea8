"""What the first responses say if nothing can be learnt there: one sentence in place of many findings. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import httpx

from squadiq.config import API_PATH
from squadiq.contract.conformance import Hit, read_json
from squadiq.errors import ConfigurationError

_PAGE = {"count", "next", "previous", "results"}
_DENIED = (401, 403)
_WEB_PAGE = "a web page"
_NOTHING_BEHIND = (502, 503, 504)


def refuse_path(base_url: httpx.URL) -> None:
    """Refuse an address with a path, since requests of another path than the document's are never sent.

    Raises:
        ConfigurationError: it has one.
    """
    if path := base_url.path.strip("/"):
        host = str(base_url.copy_with(path="/")).rstrip("/")
        raise ConfigurationError(
            f"target: it has a path, /{path}, and {API_PATH} is looked for right behind the host: give {host}."
        )


def denied(status: int) -> str:
    """Return the sentence for a refused access token."""
    return (
        f"the service answered {status}: check the access token, which is in SQUADIQ_ACCESS_TOKEN or the profile,"
        " and the campaign"
    )


def misdirection(hit: Hit) -> str:
    """Return why the first read of a list shows that there is nothing to test, "" if there may be."""
    status, sort = hit.status, _sort(hit)
    if status in _DENIED:
        return denied(status)
    if 300 <= status < 400:
        leads = f" to {hit.redirects_to}" if hit.redirects_to else ""
        return f"the server answered {status}, a redirect{leads}, and none is followed: give that address as --target"
    if status in _NOTHING_BEHIND:
        return f"the server answered {status}: nothing is there behind its proxy, or not now; try again later"
    if status == 404 and sort == "JSON":
        return "the server answered 404 to the first page: check --campaign, and that --target is the server of the API"
    if (400 <= status < 500 and sort != "JSON") or status == 405:
        return f"the server answered {status} with {sort}: it has no {API_PATH} at this address; check --target"
    if status == 200 and sort == _WEB_PAGE:
        return f"the server answered 200 with {sort}, no JSON: this is not the API of SquadIQ; check --target"
    if status == 200 and sort == "JSON" and not _keys(read_json(hit.body)[0]) & _PAGE:
        return "the server answered 200 with JSON that is no page of leads: this is not SquadIQ; check --target"
    return ""


def undelivered(statuses: Collection[int], headers: Collection[str]) -> str:
    """Return why an endpoint takes none of the first deliveries, "" if it takes one or each is refused in another way.

    Args:
        statuses: of its responses to valid deliveries.
        headers: the names of those that carry credentials.
    """
    if len(set(statuses)) != 1:
        return ""
    (status,) = set(statuses)
    if status in _DENIED:
        given = f"with {', '.join(headers)}: check the value of that --header" if headers else "without credentials"
        wanted = "" if headers else ": give what was agreed on with --header 'NAME: VALUE'"
        return f"the endpoint answers {status} to every valid delivery {given}{wanted}."
    if 300 <= status < 400:
        return f"the endpoint answers {status}, a redirect, and none is followed: give the address that it leads to."
    if status in (404, 405):
        return f"the endpoint answers {status} to every valid delivery: check the path of its address."
    return ""


def _sort(hit: Hit) -> str:
    if read_json(hit.body)[1]:
        return "JSON"
    return _WEB_PAGE if hit.body.lstrip()[:1] == b"<" else "no JSON" if hit.body else "an empty body"


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()  # pyright: ignore[reportUnknownArgumentType]
