"""Errors survive pickling and copying, as process pools and task queues do it to them, and tell nothing on the way."""

from __future__ import annotations

import copy
import importlib
import json
import pickle
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

import squadiq
from squadiq import errors
from squadiq.attempts import Attempt, AttemptOutcome
from squadiq.error_body import ErrorBody, read_error_body
from squadiq.errors import BadRequestError, InvalidInputError, Problem, SquadIQError, StatusError

for module in pkgutil.walk_packages(squadiq.__path__, "squadiq."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

ATTEMPTS = (Attempt(0.0, 0.5, failure="ReadError", outcome=AttemptOutcome.UNKNOWN), Attempt(1.0, 0.25, 400))
WORDS = ErrorBody("", {"plan": ("Odd.",)}, {1: {"plan": ("Odd.",)}}, {0: "u1", 1: "u2"})


def family(kind: type[SquadIQError]) -> Iterator[type[SquadIQError]]:
    """A class and its descendants that are part of squadiq."""
    if kind.__module__.startswith("squadiq."):
        yield kind
    for child in kind.__subclasses__():
        yield from family(child)


KINDS = sorted(set(family(SquadIQError)), key=lambda kind: kind.__qualname__)


def made(kind: type[SquadIQError]) -> SquadIQError:
    """An error as it is raised, with everything that it can have."""
    error: SquadIQError
    if issubclass(kind, StatusError):
        error = kind("createLeads", 400, WORDS, retry_after_seconds=2.5)
        error.resolve_repeated_create()
    elif kind is InvalidInputError:
        error = InvalidInputError([Problem(0, "u1", "plan", "is odd"), Problem(None, None, "detail", "is long")])
    elif kind is errors.QuotaWaitError:
        error = errors.QuotaWaitError(12.25)
    elif kind is errors.MissingExtraError:
        error = errors.MissingExtraError("redis is not installed.", name="redis")
    elif kind.__name__ == "DeliveryError":
        error = kind("lead_id: is odd.", status=413, fields={"lead_id": ("is odd.",)})  # type: ignore[call-arg]
    else:
        error = kind("What happened. What to do.")
    error.operation, error.attempts = "createLeads", ATTEMPTS
    error.__dict__["further"] = {"what": ["a later class", 1]}
    error.add_note("2 attempts")
    error.__cause__ = errors.ConnectionFailedError("no response")
    return error


def state(error: BaseException) -> dict[str, Any]:
    names = ("name", "path", "hint", "previous_attempt_unknown", "outcome_unknown")
    return {**vars(error), **{name: getattr(error, name, None) for name in names}}


def check_the_same(one: SquadIQError, other: Any) -> None:
    assert type(other) is type(one)
    assert (str(other), repr(other), other.args) == (str(one), repr(one), one.args)
    assert state(other) == state(one)
    assert other.__notes__ == one.__notes__


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_class_survives_every_way_of_pickling(kind: type[SquadIQError], protocol: int) -> None:
    error = made(kind)
    back = pickle.loads(pickle.dumps(error, protocol))
    check_the_same(error, back)
    assert str(back.__cause__) == "no response"
    check_the_same(error, pickle.loads(pickle.dumps(back, protocol)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_survives_copying(kind: type[SquadIQError]) -> None:
    error = made(kind)
    for back in (copy.copy(error), copy.deepcopy(error)):
        assert back is not error
        check_the_same(error, back)


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_can_be_made_again_of_its_args_as_celery_does_it_with_json(kind: type[SquadIQError]) -> None:
    error = made(kind)
    error.attempts = ()
    back = kind(*json.loads(json.dumps(error.args)))
    assert (type(back), str(back), back.args) == (kind, str(error), error.args)


def test_an_error_that_is_raised_again_elsewhere_keeps_its_base_classes_ways() -> None:
    for kind, builtin in (("DeadlineExceededError", TimeoutError), ("MissingExtraError", ImportError)):
        back = pickle.loads(pickle.dumps(made(getattr(errors, kind))))
        assert isinstance(back, builtin)
        with pytest.raises(SquadIQError):
            raise back


def test_a_cause_of_another_kind_stays_behind() -> None:
    error = errors.ConnectionFailedError("no response")
    error.__cause__ = OSError("from Asha")
    raw = pickle.dumps(error)
    assert pickle.loads(raw).__cause__ is None
    assert b"Asha" not in raw


def test_nothing_personal_is_in_the_bytes() -> None:
    sent = json.dumps([{"lead_id": "u1", "phone_number": "+919876543210", "contact_name": "Asha Rao"}]).encode()
    words = read_error_body(b'[{"contact_name": ["Asha Rao, 98765 43210"]}]', "application/json", sent)
    error = BadRequestError("createLeads", 400, words)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        raw = pickle.dumps(error, protocol)
        assert not [secret for secret in (b"Asha", b"Rao", b"98765", b"43210") if secret in raw]


def raise_in_a_worker(name: str) -> None:
    raise next(made(kind) for kind in KINDS if kind.__name__ == name)


def test_every_class_arrives_from_a_process_pool_and_leaves_it_whole() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        for kind in KINDS:
            arrived = pool.submit(raise_in_a_worker, kind.__name__).exception(timeout=60)
            check_the_same(made(kind), arrived)
