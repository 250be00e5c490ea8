"""The stand-in on Django REST framework, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from squadiq.mock.server import base_url, bound_socket

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TOKEN = "token_of_the_stand_in"


@dataclass(frozen=True)
class DjangoServer:
    """A running server, and the command that lets it process its leads."""

    url: str
    process_hook: str

    def process(self) -> None:
        subprocess.run(self.process_hook.split(), check=True)


@contextmanager
def django_server(
    folder: Path, *, rate: str = "1000000/min", bugs: Sequence[tuple[str, str, str]] = ()
) -> Generator[DjangoServer]:
    """Run the server on a free port, with its code changed where a bug is planted.

    Args:
        bugs: each a module, what stands there once, and what stands there instead.
    """
    project = folder / "django_rest_server"
    shutil.copytree(EXAMPLES / "django_rest_server", project, ignore=shutil.ignore_patterns("__pycache__"))
    for module, right, wrong in bugs:
        text = (project / module).read_text("utf-8")
        assert text.count(right) == 1
        (project / module).write_text(text.replace(right, wrong), "utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        "DJANGO_SETTINGS_MODULE": "django_rest_server.settings",
        "LEADS_DB": str(folder / "leads.sqlite3"),
        "LEADS_TOKEN": TOKEN,
        "LEADS_RATE": rate,
    }
    run = [sys.executable, "-m"]
    subprocess.run([*run, "django", "migrate", "--run-syncdb", "-v0"], cwd=folder, env=environment, check=True)
    with bound_socket("127.0.0.1", 0) as listening, (folder / "log").open("wb") as log:
        number = listening.fileno()
        command = [*run, "gunicorn", "--bind", f"fd://{number}", "--threads", "4", "--no-control-socket"]
        server = subprocess.Popen(
            [*command, "django_rest_server.settings:application"],
            cwd=folder,
            env=environment,
            pass_fds=[number],
            stderr=log,
        )
        try:
            # The socket is bound already: the request waits until somebody takes it.
            httpx.get(base_url(listening), trust_env=False, timeout=60)
            yield DjangoServer(
                base_url(listening),
                f"{sys.executable} {project / 'process_leads.py'} {folder / 'leads.sqlite3'}",
            )
        finally:
            server.terminate()
            server.wait()
