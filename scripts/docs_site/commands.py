"""The page of the command line, from what the commands say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from squadiq.cli import app

HEAD = """# Commands

What `--help` says, for every command. [The command line](../cli.md) explains settings, profiles and exit codes.
"""


def page() -> str:
    """Return the page of all commands, a section each."""
    command = typer.main.get_command(app)
    return HEAD + "".join(_sections(command, "squadiq", None))


def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:
    context = command.make_context(name, [], parent, resilient_parsing=True)
    inner = getattr(command, "commands", {})
    if parent is not None:
        yield f"\n{'#' * (1 + name.count(' '))} `{name}`\n\n{_prose(command.help)}\n"
        yield f"\n```console\n$ {name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
        yield from _parameters(command, context)
    for each in sorted(inner):
        if not inner[each].hidden:
            yield from _sections(inner[each], f"{name} {each}", context)


def _parameters(command: Any, context: Any) -> Iterator[str]:
    records = [each.get_help_record(context) for each in command.get_params(context)]
    told = [f"- `{name}`: {_prose(words)}\n" for name, words in filter(None, records) if "--help" not in name]
    if told:
        yield "\n" + "".join(told)


def _prose(words: str | None) -> str:
    """Help as Markdown: what looks like HTML or a placeholder stays as it was written."""
    text = (words or "").replace("\b", "").strip()
    for character in "\\<*_":
        text = text.replace(character, "\\" + character)
    return text
