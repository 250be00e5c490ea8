"""The reference of the Python API: which page has which names, and which of them nobody has described."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "clients": (
        "Clients",
        (
            "squadiq.SquadIQ",
            "squadiq.AsyncSquadIQ",
            "squadiq.config.ClientOptions",
            "squadiq.policy.CallOptions",
            "squadiq.RawResponse",
        ),
    ),
    "campaigns": (
        "Campaigns",
        (
            "squadiq.Campaign",
            "squadiq.AsyncCampaign",
            "squadiq.LeadPaginator",
            "squadiq.AsyncLeadPaginator",
            "squadiq.describe",
        ),
    ),
    "models": (
        "Models",
        tuple(
            f"squadiq.{name}"
            for name in ("Lead", "ProcessedLead", "LeadUpdate", "LeadConversion", "LeadReference", "LeadsPage")
        ),
    ),
    "errors": ("Errors", ("squadiq.errors",)),
    "quota": ("Quota", ("squadiq.quota",)),
    "retries": ("Retries", ("squadiq.retry", "squadiq.Attempt")),
    "push": ("Push", ("squadiq.push", "squadiq.push.run.PushOptions")),
    "outbox": ("Outbox", ("squadiq.outbox",)),
    "webhooks": ("Webhooks", ("squadiq.webhooks",)),
    "inbox": ("Inbox", ("squadiq.inbox",)),
    "outcomes": ("Outcomes", ("squadiq.outcomes",)),
    "integrations": ("Integrations", ("squadiq.integrations.procrastinate", "squadiq.integrations.celery")),
    "testing": (
        "Testing",
        (
            "squadiq.mock.server.running_mock",
            "squadiq.mock.server.RunningMock",
            "squadiq.mock.settings.MockSettings",
            "squadiq.mock.settings.MockOptions",
            "squadiq.mock.faults.FaultOptions",
            "squadiq.mock.core.Mock",
            "squadiq.mock.transport.InProcessTransport",
            "squadiq.contract.recorder.RecordingTransport",
        ),
    ),
}
"""By the name of a page: its title, and modules and names with all that they have."""


def pages() -> dict[str, str]:
    """Return the pages, by where they stand in the site."""
    return {f"reference/python/{name}.md": _page(*page) for name, page in PAGES.items()}


def undocumented() -> list[str]:
    """Return the public names that have no docstring, those of classes included, as `module.Class.name`."""
    found: list[str] = []
    for _, identifiers in PAGES.values():
        for identifier in identifiers:
            for path, value in _public(identifier):
                found += [path] if _is_bare(value) else []
                found += [f"{path}.{name}" for name in _bare_members(value)]
    return sorted(found)


def _page(title: str, identifiers: tuple[str, ...]) -> str:
    return f"# {title}\n" + "".join(f"\n::: {identifier}\n" for identifier in identifiers)


def _public(identifier: str) -> Iterator[tuple[str, Any]]:
    """Yield a name with what it stands for, or those of a module."""
    home, _, name = identifier.rpartition(".")
    try:
        module: Any = import_module(identifier)
    except ModuleNotFoundError:
        yield identifier, getattr(import_module(home), name)
        return
    own = (name for name in dir(module) if not name.startswith("_") and _is_from(getattr(module, name), identifier))
    listed: list[str] = getattr(module, "__all__", None) or list(own)
    for name in listed:
        yield f"{identifier}.{name}", getattr(module, name)


def _is_from(value: Any, module: str) -> bool:
    return getattr(value, "__module__", None) == module and (inspect.isclass(value) or inspect.isfunction(value))


def _is_bare(value: Any) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and not inspect.getdoc(value)


def _bare_members(value: Any) -> list[str]:
    if not inspect.isclass(value):
        return []
    described = ((name, _described(member)) for name, member in vars(value).items() if not name.startswith("_"))
    return [name for name, member in described if member is not None and not inspect.getdoc(member)]


def _described(member: Any) -> Any:
    """Return what has the docstring of a method or property, or None of anything else: fields stand in the class's."""
    member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    return member if inspect.isfunction(member) else None
