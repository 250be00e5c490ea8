"""Where the tools are, how they get there, and how one is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import node_tools
import tool_environment

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi" / "squadiq.yaml"
NODE = ROOT / "requirements" / "node"
MODULES = NODE / "node_modules"
GENERATOR = ROOT / ".venv" / "lint-openapi"
GENERATOR_LOCK = ROOT / "requirements" / "lint-openapi.lock"
LONGEST_SECONDS = 300

Tool = Callable[[Path], str]
"""Reads the document, writes into an empty folder, and returns what there is to say, or raises ToolError."""

# No tool tells anybody that it was run, and what listens on this machine is not looked for behind a proxy.
ENVIRONMENT = {**os.environ, "DO_NOT_TRACK": "1", "REDOCLY_TELEMETRY": "off", "NO_PROXY": "127.0.0.1", "NO_COLOR": "1"}


class ToolError(Exception):
    """A tool failed, or what it wrote does; the message is what it said."""


def run(*command: str | Path, folder: Path = ROOT, **environment: str) -> str:
    """Run a command, and return what it wrote.

    Raises:
        ToolError: it ended with an error, or did not end.
    """
    try:
        finished = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**ENVIRONMENT, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"did not end in {LONGEST_SECONDS} seconds") from None
    if finished.returncode:
        raise ToolError(f"exit code {finished.returncode}\n{finished.stdout.strip()}")
    return finished.stdout


def run_node(script: Path, *arguments: str | Path, folder: Path = ROOT, **environment: str) -> str:
    """Run a script with the Node.js of the environment, as `run` does."""
    return run(node_tools.node(), script, *arguments, folder=folder, **environment)


def run_generator(*arguments: str) -> str:
    """Run openapi-generator, as `run` does."""
    return run(tool_environment.program(GENERATOR, "openapi-generator-cli"), *arguments)


def install() -> None:
    """Install what is pinned, unless it is there."""
    node_tools.ensure("node", "lint-openapi")
    tool_environment.ensure(GENERATOR, GENERATOR_LOCK, "lint-openapi")
