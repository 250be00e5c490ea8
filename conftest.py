"""What holds for every test: in CI nothing is skipped, no property is judged by how fast a machine is.

And no test touches the state directory of the user who runs it, or minds that it was started in the
background or by nohup, where Ctrl-C or the end of the terminal is ignored.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import tempfile
from collections.abc import Generator
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

settings.register_profile("any-machine", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

CONTRACT_BUDGET_SECONDS = 180.0
"""What contract_tests/ may take of `make test` on two cores."""

_state = tempfile.TemporaryDirectory(prefix="squadiq-tests-")
atexit.register(_state.cleanup)
os.environ["XDG_STATE_HOME"] = _state.name
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what takes minutes, unless `-m` or the whole name of a test asks for it."""
    if not config.option.markexpr and not any("::" in argument for argument in config.args):
        config.option.markexpr = "not soak"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Leave out of the coverage what is marked `unmeasured`, together with the processes that it starts.

    To measure is to run three times as slowly, the libraries too, of which no line is asked for.
    """
    coverage = Coverage.current()
    if coverage is None or not item.get_closest_marker("unmeasured"):
        return (yield)
    coverage.stop()
    del os.environ["COVERAGE_PROCESS_CONFIG"]
    try:
        return (yield)
    finally:
        coverage.start()  # and that puts the variable back


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what the contract tests took of the time that they may; they must not crowd out the rest."""
    told_of = [each for several in terminalreporter.stats.values() for each in several]
    reports = [each for each in told_of if isinstance(each, pytest.TestReport)]
    took = [report.duration for report in reports if report.nodeid.startswith("contract_tests/")]
    if took:
        seconds = sum(took) / (config.getoption("numprocesses", None) or 1)
        too_long = seconds > CONTRACT_BUDGET_SECONDS
        told = f"contract tests: {seconds:.0f} s of the {CONTRACT_BUDGET_SECONDS:.0f} s that they may take"
        terminalreporter.write_line(told, red=too_long, green=not too_long)


def _not_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure; an expected failure, which pytest reports as skipped too, stays."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _not_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    _not_skipped(report)
    return report
