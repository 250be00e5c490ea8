"""Drawing random values apart from everything that lies about: schemathesis and Hypothesis load and leave nothing.

Both read the environment (schemathesis runs the module that `SCHEMATHESIS_HOOKS` names, with the
access token in reach) and write caches to `.hypothesis/` in the current folder.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from squadiq._extras import needs_extra

_PREFIXES = ("SCHEMATHESIS_", "HYPOTHESIS_")


@contextmanager
def without_their_variables() -> Generator[None]:
    """Take what schemathesis and Hypothesis read out of the environment until the block ends."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_PREFIXES)}
    try:
        yield
    finally:
        os.environ.update(taken)


with needs_extra("contract"), without_their_variables():
    import schemathesis as schemathesis
    from hypothesis import HealthCheck as HealthCheck
    from hypothesis import Phase as Phase
    from hypothesis import Verbosity as Verbosity
    from hypothesis import assume as assume
    from hypothesis import given as given
    from hypothesis import seed as seed
    from hypothesis import settings as settings
    from hypothesis import strategies as strategies
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
    from hypothesis.errors import Flaky as Flaky
    from hypothesis.stateful import RuleBasedStateMachine as RuleBasedStateMachine
    from hypothesis.stateful import initialize as initialize
    from hypothesis.stateful import rule as rule
    from hypothesis.stateful import run_state_machine_as_test as run_state_machine_as_test


@contextmanager
def isolated() -> Generator[None]:
    """Let Hypothesis keep its caches in a folder that is gone when the block ends, and read nothing else."""
    home = storage_directory(intent_to_write=False).home_directory
    with without_their_variables(), TemporaryDirectory(prefix="squadiq-", ignore_cleanup_errors=True) as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)
