"""`squadiq leads push` as a user runs it: through processes of its own, pipes and a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from squadiq import SquadIQ
from squadiq.cli import app
from squadiq.cli.connection import config_file, confirm, read_profile, stored_token
from squadiq.errors import ConfigurationError
from squadiq.mock.server import RunningMock
from tests.push.conftest import csv_file, lead
from tests.push.test_crashes import PUSH
from tests.push.test_engine import Service, leads
from tests.servers import Action, Reply, Seen, acting_server
from tests.webhooks.processes import Running, running

TOKEN = "test_token"


def settings(url: str | None, **more: str) -> dict[str, str]:
    given = {"SQUADIQ_ACCESS_TOKEN": TOKEN, "SQUADIQ_CAMPAIGN_ID": "c1", "SQUADIQ_QUOTA_URL": "memory"}
    return {**given, **({"SQUADIQ_BASE_URL": url} if url else {}), **more}


def run(url: str | None, *arguments: Any, **more: Any) -> tuple[int, str, str]:
    """Run the command in a process of its own; its exit code, and what it says to the one and the other."""
    environment = {**os.environ, **settings(url, **more.pop("environment", {}))}
    command = [*PUSH, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **more)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def invoke(monkeypatch: pytest.MonkeyPatch, url: str | None, *arguments: Any, **more: Any) -> tuple[int, str]:
    """Run the command in this process."""
    for name, value in settings(url, **more.pop("environment", {})).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["leads", "push", *map(str, arguments)], **more)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_all_created_ends_with_0_and_the_same_again_too(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", leads(300))
    code, said, _ = run(mock.url, path)
    assert code == 0
    assert f"{path}: 300 rows" in said
    assert "UTF-8, comma between cells" in said
    assert "300  created" in said
    code, said, _ = run(mock.url, path, "--json")
    assert (code, json.loads(said)["created_before"]) == (0, 300)


def test_rejected_rows_end_with_1_and_where_to_mend_them(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1), lead(2, phone_number="12")])
    code, said, _ = run(mock.url, path)
    assert code == 1
    assert f"Mend {path}.rejected.csv and push it: squadiq leads push {path}.rejected.csv" in said
    assert "1  phone_number_invalid" in said


def test_standard_input_tells_rejected_rows_itself(mock: RunningMock) -> None:
    text = "lead_id,phone_number,contact_name\n1,9876543210,Asha\n2,12,Ravi\n"
    code, said, _ = run(mock.url, "-", input=text)
    assert code == 1
    assert "row 3: phone_number_invalid" in said


def test_unknown_leads_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    service = Service()
    service.lose = {1}
    path = csv_file(tmp_path / "leads.csv", leads(3))
    with acting_server(service) as server:
        code, said = invoke(monkeypatch, server.url, path, "--no-repeat-creates")
    assert code == 1
    assert "3  unknown: may have been created or not" in said
    assert f"Unknown leads are listed in {path}.unknown.csv" in said


def test_what_cannot_run_ends_with_2(monkeypatch: pytest.MonkeyPatch, mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1)])
    wrong: list[tuple[Sequence[Any], str]] = [
        ([tmp_path / "nowhere.csv"], "is not there"),
        ([path, "--map", "phone"], "--map must be NAME=VALUE"),
        ([path, "--constant", "=x"], "--constant must be NAME=VALUE"),
        ([path, "--type", "x=money"], "the type of x must be one of"),
        ([path, "--max-rejected", "some"], "--max-rejected must be"),
        ([path, "--max-rejected", "inf"], "--max-rejected must be"),
        ([path, "--max-rejected", "101%"], "--max-rejected must be"),
        ([path, "--lead-type", "nowhere:Lead"], "--lead-type must be module:class"),
        ([path, "--lead-type", "squadiq"], "--lead-type must be module:class"),
        ([path, "--lead-type", "json:dumps"], "lead_type must be squadiq.Lead"),
        ([path, "--ledger", "mysql://x/y"], "give the path of a SQLite file, or the URL of PostgreSQL"),
        ([path, "--ledger", "://"], "ledger: this is no URL"),
        ([path, "--ledger", tmp_path], "ledger"),
        ([path, "--mapping", tmp_path / "nowhere.toml"], "cannot be read"),
        ([path, "--profile", "other"], "There is no profile 'other'"),
        (
            [path, "--max-rejected", "0", "--map", "contact_name=x", "--constant", "contact_name=\a"],
            "stopped: 1 of the",
        ),
    ]
    for arguments, words in wrong:
        code, said = invoke(monkeypatch, mock.url, *arguments)
        assert (code, words in " ".join(said.split())) == (2, True), (arguments, said)


@pytest.mark.parametrize("most", ["1", "50%", "100%"])
def test_rows_may_be_rejected_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, mock: RunningMock, tmp_path: Path, most: str
) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1), lead(2, phone_number="12")])
    assert invoke(monkeypatch, mock.url, path, "--max-rejected", most)[0] == 1


def test_columns_are_named_kept_and_used_again(mock: RunningMock, tmp_path: Path) -> None:
    path, mapping = tmp_path / "leads.csv", tmp_path / "mapping.toml"
    path.write_text("who,a=b,since,pin,secret\nAsha,9876543210,31/01/2025,011,x\n")
    given = [
        *("--map", "who=contact_name", "--map", "a=b=phone_number", "--lead-id-from", "a=b", "--drop", "secret"),
        *("--constant", "source=web", "--type", "since=date:%d/%m/%Y", "--delimiter", "comma", "--encoding", "utf-8"),
    ]
    code, said, _ = run(mock.url, path, *given, "--save-mapping", mapping, "--dry-run")
    assert code == 0
    assert "pin stays text" in said
    assert "since: 2025-01-31" in said
    assert run(mock.url, path, *given)[0] == 0
    code, said, _ = run(mock.url, path, "--mapping", mapping, "--json")
    assert (code, json.loads(said)["created_before"], json.loads(said)["changed_since"]) == (0, 1, 0)


def test_an_own_type_of_lead_is_found_where_the_command_runs(mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "loans.py").write_text("import squadiq\n\nclass LoanLead(squadiq.Lead):\n    amount: int\n")
    path = csv_file(tmp_path / "leads.csv", [lead(1, amount="5"), lead(2, amount="x")])
    code, said, _ = run(mock.url, path, "--lead-type", "loans:LoanLead", "--json", cwd=tmp_path)
    assert (code, json.loads(said)["rejected"]) == (1, {"field_invalid": 1})


def test_a_dry_run_shows_leads_and_the_plan(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1, note="call 9876543210", n="9876543210", kin_name="Ravi Rao")])
    code, said, _ = run(mock.url, path, "--dry-run")
    assert code == 0
    said = said.replace(str(tmp_path), "")
    assert "1  would be sent, unless the ledger knows them, in 1 hits" in said
    assert "100 of 100 hits are free now" in said
    assert "contact_name: A. b." in said
    assert "note: call …10" in said
    assert not any(secret in said for secret in ("9876543210", "Asha", "Ravi", lead(1)["phone_number"]))
    code, said, _ = run(mock.url, path, "--dry-run", "--json")
    told = json.loads(said)
    assert (code, told["plan"], len(told["first"])) == (0, {"hits": 1, "minutes": 0.0}, 1)
    assert not any(secret in said for secret in ("9876543210", "Asha", "Ravi"))
    assert mock.counts("c1").get("created", 0) == 0


def test_nothing_is_sent_to_a_live_address_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1)])
    code, _, said = run("https://squadiq.invalid", path, input="")
    assert code == 2
    assert "there is nobody to ask here. Give --yes if that is meant." in said
    assert not (tmp_path / "state").exists()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with SquadIQ("t", base_url="https://squadiq.invalid", quota="memory") as client:
        confirm(client, "x", yes=True)


@pytest.mark.parametrize(("response", "goes_on"), [(b"n\n", False), (b"y\n", True)])
def test_on_a_terminal_it_asks(response: bytes, goes_on: bool) -> None:
    script = (
        "from squadiq import SquadIQ; from squadiq.cli.connection import confirm\n"
        "confirm(SquadIQ('t', base_url='https://squadiq.invalid', quota='memory'), 'Leads will be created', yes=False)"
    )
    code, said = on_terminal([sys.executable, "-c", script], {}, response)
    assert "Leads will be created at squadiq.invalid. Go on?" in said
    assert (code == 0) is goes_on


def on_terminal(command: Sequence[str], environment: Mapping[str, str], response: bytes = b"") -> tuple[int, str]:
    """Run a command on a terminal of its own; its exit code, and all that stood there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment, "TERM": "xterm"}
    )
    os.close(theirs)
    os.write(ours, response)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(ours)
    return process.wait(), said.decode()


def test_a_terminal_shows_a_bar(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [*leads(3000), lead(3001, phone_number="12")])
    code, said = on_terminal([*PUSH, str(path)], settings(mock.url, COLUMNS="160"))
    assert code == 1
    assert "hits left" in said
    assert "1 rejected" in said


def test_pipes_get_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, mock: RunningMock, tmp_path: Path) -> None:
    monkeypatch.setattr("squadiq.cli.leads_push.LINE_EVERY_SECONDS", 0.0)
    code, said = invoke(monkeypatch, mock.url, csv_file(tmp_path / "leads.csv", leads(3)))
    assert code == 0
    assert "squadiq: 3 of 3 rows: 3 created" in said
    (tmp_path / "leads.jsonl").write_text(json.dumps(lead(9)))
    assert "squadiq: 1 rows: 1 created" in invoke(monkeypatch, mock.url, tmp_path / "leads.jsonl")[1]


class Interrupting:
    """A service that sends Ctrl-C to who calls it, and waits until that was heard."""

    def __init__(self, times: int) -> None:
        self.service = Service()
        self.times = times
        self.running: Running | None = None
        self.started = threading.Event()

    def __call__(self, seen: Seen) -> Action:
        self.started.wait()
        assert self.running is not None
        reply = self.service(seen)  # before the process may end, for then the test looks at what was done
        if self.times:
            self.running.process.send_signal(signal.SIGINT)
            self.running.printed("finishing the batch")
        if self.times > 1:
            self.running.process.send_signal(signal.SIGINT)
            self.running.process.wait()
        self.times = 0
        return reply


def interrupted(path: Path, times: int) -> tuple[Interrupting, int, str]:
    service = Interrupting(times)
    with acting_server(service) as server:
        arguments = ("leads", "push", str(path))
        with running("squadiq", *arguments, folder=path.parent, **settings(server.url)) as command:
            service.running = command
            service.started.set()
            code = command.process.wait()
        said = command.log.read_text("utf-8")
    return service, code, said


def test_ctrl_c_finishes_the_batch_and_says_how_to_go_on(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", leads(600))
    service, code, said = interrupted(path, 1)
    assert code == 1
    assert "Run the same command again: it goes on where it was." in said
    assert len(service.service.leads) == 250
    with acting_server(service.service) as server:
        assert run(server.url, path)[0] == 0
    assert set(service.service.leads.values()) == {1}


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    service, code, said = interrupted(csv_file(tmp_path / "leads.csv", leads(600)), 2)
    assert code not in (0, 2)
    assert "goes on where it was" not in said
    assert len(service.service.batches) == 1


# Profiles


def write_config(text: str, mode: int = 0o600) -> Path:
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_profile_says_what_is_not_given(mock: RunningMock, tmp_path: Path) -> None:
    write_config(
        f'[default]\naccess_token = "wrong"\n[mine]\naccess_token = "{TOKEN}"\nbase_url = "{mock.url}"\n'
        'campaign_id = "c9"\nquota_url = "memory"\nother = "x"\n'
    )
    path = csv_file(tmp_path / "leads.csv", [lead(1)])
    unset = {f"SQUADIQ_{name}": "" for name in ("ACCESS_TOKEN", "CAMPAIGN_ID", "BASE_URL", "QUOTA_URL")}
    code, _, said = run(None, path, "--profile", "mine", environment=unset)
    assert (code, said) == (0, "")
    assert mock.lead("c9", "L1") is not None
    code, _, said = run(mock.url, path, "--profile", "default", environment={"SQUADIQ_ACCESS_TOKEN": ""})
    assert (code, "401" in said) == (2, True)
    assert "wrong" not in said


def test_a_profile_that_others_can_read_is_refused() -> None:
    path = write_config('[default]\naccess_token = "t0ken"\n', 0o644)
    with pytest.raises(ConfigurationError, match="chmod 600") as refused:
        read_profile("default")
    assert "t0ken" not in str(refused.value)
    write_config('[default]\ncampaign_id = "c"\n', 0o644)
    assert read_profile("default") == {"campaign_id": "c"}
    assert path.exists()


def test_a_configuration_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read_profile("default") == {}
    write_config("[mine]\n")
    assert read_profile("default") == {}
    with pytest.raises(ConfigurationError, match="has no profile 'other'"):
        read_profile("other")
    write_config("a = ")
    with pytest.raises(ConfigurationError, match="is no TOML"):
        read_profile("default")
    config_file().unlink()
    config_file().mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_profile("default")
    monkeypatch.setenv("XDG_CONFIG_HOME", "not absolute")
    assert config_file() == Path.home() / ".config" / "squadiq" / "config.toml"


@pytest.mark.parametrize(
    ("module", "token"),
    [
        ("def get_password(service, profile):\n    return f'{service} {profile}'\n", "squadiq mine"),
        ("def get_password(service, profile):\n    raise RuntimeError\n", None),
        (None, None),
    ],
)
def test_the_keyring_is_asked_if_it_is_installed(tmp_path: Path, module: str | None, token: str | None) -> None:
    if module is not None:
        (tmp_path / "keyring.py").write_text(module)
    script = "from squadiq.cli.connection import stored_token; print(stored_token('mine'))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(token)
    assert stored_token("mine") is None


def test_nothing_of_a_person_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever goes wrong: only the files of rejected and unknown rows hold rows, as they were."""
    secrets = ("Vasantha", "Quintus", "9812345678", "98123 45678", "12345678", "t0ken-t0ken", "vq@example.com")
    rows = [
        lead(1, contact_name="Vasantha Quintus", phone_number="98123 45678", mail="vq@example.com"),
        lead(2, contact_name="Vasantha Quintus", phone_number="9812345678", mail="vq@example.com"),
        lead(3, lead_id="9812345678", contact_name="Vasantha", phone_number="981234567", mail="vq@example.com"),
        lead(4, contact_name="Quintus\a", phone_number="9812345678/9812345679", mail="vq@example.com"),
        lead(5, contact_name="Quintus", phone_number="9812345670", mail="vq@example.com"),
    ]
    path = csv_file(tmp_path / "leads.csv", rows)
    said = ""
    replies: list[Action] = [
        Reply(400, [{"contact_name": ["Vasantha Quintus, 9812345678, t0ken-t0ken is no name."]}, {}]),
        Reply(400, {"detail": "9812345678 of vq@example.com is on a list."}),
        Reply(500, {"detail": "Vasantha 98123 45678"}),
    ]
    for number, reply in enumerate(replies):
        with acting_server(reply) as server:
            environment = {"SQUADIQ_ACCESS_TOKEN": "t0ken-t0ken", "SQUADIQ_CAMPAIGN_ID": f"c{number}"}
            said += "".join(map(str, run(server.url, path, environment=environment)))
            dry = [] if number else [["--dry-run"], ["--dry-run", "--json"]]  # sends nothing: no reply matters
            for more in (["--json"], ["--no-repeat-creates"], *dry):
                said += invoke(monkeypatch, server.url, path, *more, environment=environment)[1]
    assert "rejected" in said
    assert not [secret for secret in secrets if secret in said], said
