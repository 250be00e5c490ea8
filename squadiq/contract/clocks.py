"""What lets time pass on a server, or knows what it holds: the mock's control endpoints, or a command of the user."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from squadiq.contract.budget import RunStoppedError

HOOK_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ControlEndpoints:
    """Ask the helper endpoints of a mock.

    Raises:
        RunStoppedError: one of them has no good answer.
    """

    http: httpx.Client = field(repr=False)

    def advance(self, seconds: float) -> None:
        """Let seconds pass at once."""
        self._answer("POST", "/_mock/advance", {"seconds": seconds})

    def lead_state(self, campaign_id: str, lead_id: str) -> dict[str, Any] | None:
        """Return everything that the server knows of a lead, None if nothing."""
        path = f"/_mock/campaigns/{quote(campaign_id, safe='')}/leads/{quote(lead_id, safe='')}"
        response = self._answer("GET", path)
        return None if response.status_code == 404 else response.json()

    def _answer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            response = self.http.request(method, path, json=body) if body else self.http.request(method, path)
            good = response.status_code == 200 or (method == "GET" and response.status_code == 404)
        except httpx.HTTPError as error:
            raise RunStoppedError(f"the control endpoints have no answer ({type(error).__name__})") from None
        if not good:
            raise RunStoppedError(f"the control endpoints answered {response.status_code}: is it a mock?")
        return response


def run_process_hook(command: str) -> None:
    """Run a command of the user by which the server processes every lead that is not disabled.

    Raises:
        RunStoppedError: it cannot be run, or fails.
    """
    try:
        done = subprocess.run(shlex.split(command), timeout=HOOK_TIMEOUT_SECONDS, capture_output=True, check=False)
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        raise RunStoppedError(f"the process hook cannot be run ({type(error).__name__})") from None
    if done.returncode:
        raise RunStoppedError(f"the process hook ended with {done.returncode}")
