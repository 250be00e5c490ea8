"""All commands: the same help, the same exit codes, the same words for what could not be done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from squadiq._version import __version__
from squadiq.cli import app

WIDTH = 80


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The words of each command and group, and what Typer has made of it."""
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
EVERY_COMMAND = pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(["squadiq", *words]))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": str(WIDTH)}, prog_name="squadiq")


def process(
    words: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "squadiq", *words]
    variables = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder, env=variables)


@EVERY_COMMAND
def test_help_is_asked_for_in_two_ways(words: tuple[str, ...]) -> None:
    short, long = run(*words, "-h"), run(*words, "--help")
    assert (short.exit_code, short.output) == (0, long.output)
    assert f"Usage: {' '.join(['squadiq', *words])} " in short.output


@EVERY_COMMAND
def test_help_fits_a_terminal_and_nothing_of_it_is_cut(words: tuple[str, ...]) -> None:
    told = run(*words, "--help").output
    assert max(map(len, told.splitlines())) <= WIDTH
    seen = set(told.split())
    for each in COMMANDS[words].params:
        assert each.help, f"{each.name} has no help"
        names = [name for name in each.opts if name.startswith("-")]
        assert {*names, *each.help.split()} <= seen, f"{each.name} is cut"


@pytest.mark.parametrize(("words", "of_typer"), [(["--version"], False), (["--version", "quota"], True)])
def test_the_version_is_told_at_once(words: list[str], of_typer: bool) -> None:
    done = process(words, {"PYTHONPROFILEIMPORTTIME": "1"})
    assert (done.returncode, done.stdout) == (0, f"squadiq {__version__}\n")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert ("squadiq._version" in imported, "typer" in imported) == (True, of_typer)
    heavy = r"(squadiq\.(mock|contract|inbox|webhooks|quota|client|config)|httpx|pydantic|starlette|rich|http)(\..*)?"
    assert [name for name in imported if re.fullmatch(heavy, name)] == []


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "squadiq in", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "squadiq in"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "squadiq in", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_a_shell_completes_commands(shell: str, asked: dict[str, str]) -> None:
    script = process([], {"_SQUADIQ_COMPLETE": f"source_{shell}"})
    assert script.returncode == 0
    assert f"_SQUADIQ_COMPLETE=complete_{shell}" in script.stdout
    done = process([], {"_SQUADIQ_COMPLETE": f"complete_{shell}", **asked})
    assert re.findall(r"\b(inbox|mock|quota|contract)\b", done.stdout)[:1] == ["inbox"]
    assert "mock" not in done.stdout


def test_options_are_completed_too() -> None:
    asked = {"COMP_WORDS": "squadiq trigger lead-processed --s", "COMP_CWORD": "3"}
    done = process([], {"_SQUADIQ_COMPLETE": "complete_bash", **asked})
    assert done.stdout.split() == ["--set", "--seed"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no bash to be asked from")
def test_completion_is_shown_and_installed_from_a_shell(tmp_path: Path) -> None:
    def from_bash(option: str) -> str:
        # Two commands: of one alone, bash would become it, and be no shell any more.
        script = f"'{sys.executable}' -m squadiq {option}; exit $?"
        environment = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True, env=environment
        ).stdout

    assert "complete -o default -F _squadiq_completion squadiq" in from_bash("--show-completion")
    assert "bash completion installed" in from_bash("--install-completion")
    assert "_SQUADIQ_COMPLETE" in (tmp_path / ".bash_completions" / "squadiq.sh").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["quota"], {"SQUADIQ_ACCESS_TOKEN": ""}, "access token"),
        (["quota"], {"SQUADIQ_QUOTA_URL": "redis://u:s3cret@127.0.0.1:9"}, "127.0.0.1:9 cannot be used"),
        (["inbox", "failed", "my_leads:broken"], {}, "cannot be opened"),
        (["inbox", "run", "my_leads:silent", "--once"], {}, "The inbox has no handler"),
        (["inbox", "failed", "damaged:inbox"], {}, "The inbox's folder"),
        (["inbox", "failed", "unreadable:inbox"], {}, "Permission denied: …10.csv"),
        (["inbox", "failed", "wordless:inbox"], {}, "Interrupted system call"),
        (["inbox", "failed", "foreign:inbox"], {}, "TimeoutError"),
        (["contract", "drift", "--har", "nowhere.har"], {}, "cannot be read"),
        (["trigger", "lead-processed", "--to", "https://x.test"], {"HTTPS_PROXY": "s3cret://p"}, "HTTPS_PROXY"),
    ],
)
def test_what_could_not_be_done_is_told_in_a_line_and_ends_with_2(
    tmp_path: Path, words: list[str], environment: dict[str, str], said: str
) -> None:
    (tmp_path / "folder").mkdir()
    inboxes = "broken, silent = Inbox('folder'), Inbox('inbox.sqlite3')"
    for name, code in {
        "my_leads": f"from squadiq.inbox import Inbox\n{inboxes}",
        "damaged": "from squadiq.inbox import Inbox\ninbox = Inbox('no/such/folder')",
        "unreadable": "raise PermissionError(13, 'Permission denied', '98765 43210.csv')",
        "wordless": "raise InterruptedError(4, 'Interrupted system call')",
        "foreign": "raise TimeoutError('https://x.test/?token=s3cret')",
    }.items():
        (tmp_path / f"{name}.py").write_text(code, "utf-8")
    settings = {"SQUADIQ_ACCESS_TOKEN": "test_token", "XDG_STATE_HOME": str(tmp_path), **environment}
    done = process(words, settings, tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"squadiq: .+", done.stderr.splitlines()[-1])
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


@EVERY_COMMAND
def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    done = run(*words, "--no-such-option")
    assert done.exit_code == 2
    assert "No such option" in done.output


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other words for a pipe that nobody reads")
def test_a_pipe_that_nobody_reads_is_no_error_to_tell() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "squadiq", "listen", "--port", "0"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
