"""Loaded by schemathesis as it starts: from then on its process calls this machine only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests.adapters

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contract_tests.loopback import refuse_unless_loopback, stay_on_this_machine

stay_on_this_machine()
_send = requests.adapters.HTTPAdapter.send


def _send_to_loopback(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> Any:
    # Whoever calls through a proxy on this machine connects to that alone; so the URL is looked at too.
    try:
        refuse_unless_loopback(urlsplit(request.url or "").hostname or "")
    except PermissionError as refusal:
        raise requests.ConnectionError(refusal, request=request) from refusal
    return _send(self, request, **options)


requests.adapters.HTTPAdapter.send = _send_to_loopback  # type: ignore[assignment, method-assign]
