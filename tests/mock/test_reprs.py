"""No repr of the mock, of the contract tests or of their settings shows a token, a secret or a lead."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import squadiq.contract
import squadiq.mock
from squadiq.auth import AccessToken
from squadiq.mock.messages import MockRequest, MockResponse
from squadiq.mock.server import running_mock
from squadiq.mock.settings import MockSettings

SECRET = "s3cret-of-nobody"
PERSONAL = {
    "response",
    "body",
    "contact_name",
    "content",
    "custom_fields",
    "detail",
    "given",
    "headers",
    "hit",
    "json",
    "last",
    "lead_id",
    "lead_ids",
    "lead_responses",
    "people",
    "phone_number",
    "phone_numbers",
    "query",
    "quota",
    "sent",
    "token",
    "tokens",
    "url",
    "webhook_headers",
    "webhook_url",
}
HARMLESS = {
    ("Permission", "token"),  # an AccessToken, which hides itself
    ("LiveSettings", "token"),
    ("FullSettings", "token"),
    ("RunningMock", "url"),  # the mock's own address
    ("MockResponse", "headers"),
    ("MockOperation", "body"),  # schemas of the document
    ("Operation", "body"),
    ("Operation", "query"),
    ("MockOperation", "query"),
}


def dataclasses_of(package: Any) -> Iterator[type]:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for found in vars(importlib.import_module(module.name)).values():
            if isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module.name:
                yield found


@pytest.mark.parametrize("package", [squadiq.mock, squadiq.contract])
def test_what_may_be_somebodys_is_left_out_of_every_repr(package: Any) -> None:
    found = list(dataclasses_of(package))
    assert len(found) > 10
    shown = [
        (each.__name__, field.name)
        for each in found
        for field in dataclasses.fields(each)
        if field.repr and field.name in PERSONAL
    ]
    assert set(shown) <= HARMLESS


def test_settings_of_a_mock_and_the_mock_hide_its_tokens_and_secrets() -> None:
    settings = MockSettings(
        tokens=(SECRET,),
        webhook_url=f"http://127.0.0.1:9/{SECRET}",
        webhook_headers=(("X-Secret", SECRET),),
    )
    with running_mock(tokens=(SECRET,)) as running:
        assert SECRET not in repr((settings, running, AccessToken(SECRET)))


def test_a_request_and_its_response_hide_what_they_hold() -> None:
    request = MockRequest("POST", f"/api/{SECRET}", SECRET, {"authorization": SECRET}, SECRET.encode())
    assert SECRET not in repr((request, MockResponse(200, SECRET.encode())))
