"""`squadiq configure`, and in which order settings hold."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from squadiq.cli import app
from squadiq.cli.configure import write_profile
from squadiq.cli.connection import config_file, connection_for, read_profile
from squadiq.errors import ConfigurationError
from tests.cli.at_a_terminal import at_a_terminal
from tests.servers import Reply, acting_server

TOKEN = "tok_s3cret"
PAGE = Reply(200, {"count": 0, "next": None, "previous": None, "results": []})


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("SQUADIQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setitem(sys.modules, "keyring", None)
    return tmp_path


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, words, prog_name="squadiq")
    assert "s3cret" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def token_file(folder: Path, text: str | bytes = TOKEN) -> str:
    path = folder / "token.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_a_profile_is_written_for_its_owner_alone(home: Path) -> None:
    before = os.umask(0)
    try:
        done = run("configure", "--token-file", token_file(home, f"{TOKEN}\n"), "--campaign", "c-1")
    finally:
        os.umask(before)
    path = home / "config" / "squadiq" / "config.toml"
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"The profile 'default' is in {path}\nNext: squadiq doctor\n"
    assert read_profile("default") == {"access_token": TOKEN, "campaign_id": "c-1"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["config.toml"]


def test_what_is_not_given_stays_as_it_is(home: Path) -> None:
    assert run("configure", "--token-file", token_file(home)).exit_code == 0
    assert run("configure", "--campaign", "c-1").exit_code == 0
    assert run("configure", "--profile", "test", "--base-url", "http://127.0.0.1:9").exit_code == 0
    assert run("configure", "--quota-url", "memory").exit_code == 0
    assert read_profile("default") == {"access_token": TOKEN, "campaign_id": "c-1", "quota_url": "memory"}
    assert read_profile("test") == {"base_url": "http://127.0.0.1:9"}


ODD = [
    """quote" and 'quote'""",
    "back\\slash \\u0041 \\",
    "tab\tline\nend\r\x00\x1f",
    "delete\x7f",
    "नमस्ते \N{GRINNING FACE} \u2028",
    "[x] = # no comment",
    "",
]


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_any_text_survives_the_file(text: str) -> None:
    write_profile(text, {"access_token": text, "campaign_id": text})
    write_profile("other", {"campaign_id": "c-2"})
    assert read_profile(text) == {"access_token": text, "campaign_id": text}


def test_a_token_of_any_signs_survives_the_file(home: Path) -> None:
    token = "".join(map(chr, range(0x21, 0x7F)))
    assert run("configure", "--token-file", token_file(home, token)).exit_code == 0
    assert read_profile("default") == {"access_token": token}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--token-file: there is nothing in it"),
        (" \n\n", "--token-file: there is nothing in it"),
        (b"s3cret\xff", "--token-file: the file is not UTF-8"),
        ("s3cret and more", "other characters that no token has"),
        ("s3cret\u00e9", "other characters that no token has"),
        ("s3cret\nsecond", "line ends"),
        ("s3cret" * 20000, "--token-file: the file has more than 65536 bytes"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_file_without_a_token_is_refused_and_nothing_is_written(home: Path, text: str | bytes, said: str) -> None:
    done = run("configure", "--token-file", token_file(home, text))
    assert done.exit_code == 2
    assert said in done.output
    assert not config_file().exists()


def test_a_token_file_that_cannot_be_read_is_not_named_for_it_may_be_the_token(home: Path) -> None:
    for path in (home / "s3cret", home):
        done = run("configure", "--token-file", str(path))
        assert done.exit_code == 2
        assert "--token-file: the file cannot be read (" in done.output


def test_without_a_terminal_nothing_is_asked_for() -> None:
    for words in (["configure"], ["configure", "--keyring", "--campaign", "c-1"]):
        done = run(*words)
        assert done.exit_code == 2
        assert done.output == "squadiq: There is nothing to write: no access token and no setting was given.\n"
    assert not config_file().exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_at_a_terminal_the_token_is_asked_for_and_not_shown(home: Path) -> None:
    environment = {"SQUADIQ_ACCESS_TOKEN": ""}
    code, shown = at_a_terminal(["configure"], environment, home, ("Access token .*: ", f"{TOKEN}\n"))
    assert (code, TOKEN in shown) == (0, False)
    assert read_profile("default") == {"access_token": TOKEN}
    code, shown = at_a_terminal(["configure", "--campaign", "c-1"], environment, home, ("Access token .*: ", "\n"))
    assert code == 0
    assert read_profile("default") == {"access_token": TOKEN, "campaign_id": "c-1"}


@pytest.mark.parametrize("value", ["http://squadiq.example", "ftp://x", "https://user:s3cret@x.test"])
def test_an_address_that_no_client_would_take_is_refused(value: str) -> None:
    done = run("configure", "--base-url", value)
    assert done.exit_code == 2
    assert not config_file().exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no toml [", "is no TOML: mend it or take it away."),
        (b"\xff\xfe", "is no TOML: mend it or take it away."),
        ("default = 3", "has in 'default' something else than"),
        ("[other]\ncolour = 'blue'", "has in 'other' something else than"),
        ("[other]\ncampaign_id = 5", "has in 'other' something else than"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_would_be_lost_is_not_written_over(home: Path, text: str | bytes, said: str) -> None:
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    before = path.read_bytes()
    done = run("configure", "--token-file", token_file(home))
    assert done.exit_code == 2
    assert said in done.output
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left_behind(home: Path) -> None:
    path = config_file()
    path.mkdir(parents=True)
    done = run("configure", "--token-file", token_file(home))
    assert done.exit_code == 2
    assert "cannot be written (Is a directory)" in done.output
    path.rmdir()
    path.parent.rmdir()
    path.parent.write_text("", "utf-8")
    done = run("configure", "--token-file", token_file(home))
    assert "cannot be written (" in done.output


def test_of_a_write_that_fails_nothing_is_left_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    done = run("configure", "--token-file", token_file(home))
    assert (done.exit_code, list(config_file().parent.iterdir())) == (2, [])
    assert "cannot be written (No space left on device)" in done.output


def test_a_setting_that_is_no_text_is_told() -> None:
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        write_profile("default", {"campaign_id": "\udcff"})


def test_a_link_to_the_file_stays_a_link(home: Path) -> None:
    path = config_file()
    path.parent.mkdir(parents=True)
    (home / "dotfiles.toml").touch()
    path.symlink_to(home / "dotfiles.toml")
    assert run("configure", "--campaign", "c-1").exit_code == 0
    assert path.is_symlink()
    assert tomllib.loads((home / "dotfiles.toml").read_text("utf-8")) == {"default": {"campaign_id": "c-1"}}


# The keyring


class Keyring(ModuleType):
    """As the package has it, with a backend of our own."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.error = error

    def set_password(self, service: str, name: str, password: str) -> None:
        if self.error:
            raise self.error
        self.kept[service, name] = password

    def get_password(self, service: str, name: str) -> str | None:
        if self.error:
            raise self.error
        return self.kept.get((service, name))


def test_without_the_package_for_keyrings_it_says_how_to_install_it(home: Path) -> None:
    done = run("configure", "--keyring", "--token-file", token_file(home))
    assert (done.exit_code, done.output) == (2, "squadiq: --keyring needs the package keyring: pip install keyring\n")


def test_a_keyring_that_fails_is_told_without_its_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError(TOKEN), ModuleNotFoundError(TOKEN)):
        monkeypatch.setitem(sys.modules, "keyring", Keyring(error))
        done = run("configure", "--keyring", "--token-file", token_file(home))
        assert done.exit_code == 2
        assert done.output == f"squadiq: The keyring does not take the token ({type(error).__name__}).\n"
        assert not config_file().exists()


def test_a_token_that_goes_to_the_keyring_leaves_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the old one, which goes before the keyring, would still be used."""
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert run("configure", "--token-file", token_file(home, "tok_old"), "--campaign", "c-1").exit_code == 0
    assert run("configure", "--token-file", token_file(home), "--keyring").exit_code == 0
    assert keyring.kept == {("squadiq", "default"): TOKEN}
    assert read_profile("default") == {"campaign_id": "c-1"}
    with acting_server(PAGE) as server:
        assert run("leads", "get", "--base-url", server.url).exit_code == 0
        assert TOKEN in server.seen[0].headers["authorization"]


# The order of settings


def test_options_go_before_the_environment_and_that_before_the_profile(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_server(PAGE) as one, acting_server(PAGE) as two, acting_server(PAGE) as three:

        def asked(*words: str) -> str:
            """Which server was asked, with which token, for which campaign."""
            before = [len(each.seen) for each in (one, two, three)]
            assert run("leads", "get", *words).exit_code == 0
            (which,) = [n for n, each in enumerate((one, two, three)) if len(each.seen) > before[n]]
            seen = (one, two, three)[which].seen[-1]
            return f"{which} {seen.headers['authorization'].split()[-1]} {seen.target.split('/')[5]}"

        run("configure", "--token-file", token_file(home, "tok_a"), "--campaign", "c-a", "--base-url", one.url)
        run("configure", "--token-file", token_file(home, "tok_b"), "--campaign", "c-b", "--profile", "b")
        assert asked() == "0 tok_a c-a"
        assert asked("--profile", "b", "--base-url", three.url) == "2 tok_b c-b"
        monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", "tok_e")
        monkeypatch.setenv("SQUADIQ_CAMPAIGN_ID", "c-e")
        monkeypatch.setenv("SQUADIQ_BASE_URL", two.url)
        assert asked() == "1 tok_e c-e"
        assert asked("--campaign", "c-o", "--base-url", three.url) == "2 tok_e c-o"


def test_a_token_that_others_can_read_is_not_used(home: Path) -> None:
    run("configure", "--token-file", token_file(home), "--base-url", "http://127.0.0.1:9", "--campaign", "c-1")
    for mode in (0o640, 0o604):
        config_file().chmod(mode)
        done = run("leads", "get")
        assert done.exit_code == 2
        assert f"Others can read the access token in {config_file()}. Run: chmod 600 " in done.output
    assert run("configure", "--campaign", "c-2").exit_code == 0
    assert stat.S_IMODE(config_file().stat().st_mode) == 0o600


def test_a_profile_that_is_not_there_is_told_with_those_that_are() -> None:
    assert "There is no profile 'test'" in run("leads", "get", "--profile", "test").output
    run("configure", "--campaign", "c-1")
    assert "It has: default." in run("leads", "get", "--profile", "test").output


def test_no_command_that_needs_the_token_takes_it_as_an_option_that_ps_would_show() -> None:
    for words in (["configure"], ["doctor"], ["leads", "get"], ["leads", "delete"], ["leads", "update"]):
        assert run(*words, "--access-token", "x").exit_code == run(*words, "--token", "x").exit_code == 2
        assert "No such option" in run(*words, "--access-token", "x").output


def profile(quota: str = "memory", name: str = "test") -> None:
    written = {"access_token": TOKEN, "base_url": "http://127.0.0.1:9", "campaign_id": "c-1", "quota_url": quota}
    write_profile(name, written)


def test_the_quota_is_that_of_the_profile(home: Path) -> None:
    profile(f"sqlite:///{home}/quota.sqlite3")
    shown = run("quota", "--profile", "test", "--json")
    assert (shown.exit_code, '"free_now": 100' in shown.stdout) == (0, True)
    assert (home / "quota.sqlite3").exists()
    assert "Quota at 127.0.0.2" in run("quota", "--profile", "test", "--base-url", "http://127.0.0.2").stdout


def test_the_environment_goes_before_the_profile_for_the_quota_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile("nonsense")
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", f"sqlite:///{home}/other.sqlite3")
    assert run("quota", "--profile", "test").exit_code == 0
    assert (home / "other.sqlite3").exists()


@pytest.mark.parametrize("words", [("quota",), ("leads", "get"), ("doctor",)])
def test_a_quota_that_is_none_is_named_as_it_was_set(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    profile("nonsense")
    of_profile = run(*words, "--profile", "test").output
    assert "quota_url of the profile 'test' must be one of" in of_profile
    profile(f"sqlite:////{os.devnull.strip('/')}/nowhere/quota.sqlite3")
    assert "which quota_url of the profile 'test' names" in run(*words, "--profile", "test").output
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "nonsense")
    of_environment = run(*words, "--profile", "test").output
    assert "SQUADIQ_QUOTA_URL must be one of" in of_environment
    assert "quota=" not in of_profile + of_environment


def test_an_error_that_is_not_about_the_setting_stays_as_it_is() -> None:
    profile()
    assert "quota_hits must" in run("quota", "--profile", "test", "--hits", "0").output


def test_a_contract_run_takes_service_campaign_and_token_from_the_profile(home: Path) -> None:
    profile(f"sqlite:///{home}/quota.sqlite3")
    with acting_server(PAGE) as server:
        write_profile("test", {"base_url": server.url})
        done = run("contract", "--profile", "test", "--yes", "--max-hits", "5")
        assert "127.0.0.1" in done.stdout
        assert {seen.headers["authorization"] for seen in server.seen} >= {f"Bearer {TOKEN}"}
        assert any("/c-1/" in seen.target for seen in server.seen)
    assert (home / "quota.sqlite3").exists()
    assert "0 ledgers" in run("contract", "clean-up", "--profile", "test").stdout


def test_a_contract_run_asks_no_service_that_nobody_named() -> None:
    write_profile("test", {"access_token": TOKEN, "campaign_id": "c-1"})
    done = run("contract", "--profile", "test", "--yes")
    assert done.exit_code == 2
    assert "give --target URL" in done.output


def test_how_squadiq_is_reached_shows_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", "s3cret")
    assert "s3cret" not in repr(connection_for("https://example.org", "default"))
