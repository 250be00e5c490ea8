"""The command `squadiq` where its extra is missing, and what it says of itself."""

from __future__ import annotations

import sys

import pytest

from squadiq.__main__ import main


@pytest.mark.parametrize(
    ("command", "extra"), [([], "cli"), (["leads", "push"], "cli"), (["mock"], "mock"), (["contract"], "contract")]
)
def test_the_command_names_a_missing_extra_in_one_line_and_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], extra: str
) -> None:
    """One command installs all that is needed: not first what all commands need, and then what this one does."""
    monkeypatch.setattr(sys, "argv", ["squadiq", *command])
    for module in [name for name in sys.modules if name.startswith("squadiq.cli")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = f"squadiq: typer is not installed. Install it with: pip install 'squadiq[{extra}]'\n"
    assert capsys.readouterr().err == told


def test_the_command_lists_its_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["squadiq", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "mock" in capsys.readouterr().out
