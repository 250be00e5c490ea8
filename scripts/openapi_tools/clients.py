"""Stock generators: each writes a client of the document, which then plays the six operations on the mock."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from openapi_tools.running import DOCUMENT, MODULES, Tool, ToolError, run, run_generator, run_node
from squadiq.mock.server import RunningMock, running_mock

PROGRAMS = Path(__file__).resolve().parent / "play"
CAMPAIGN = "campaign-1"
PROCESSED, NUMBER, DISABLED, DELETED = "processed-before", "9876543210", "disabled", "deleted"
"""What becomes of the leads that each program in `play/` sends; one has a number of ten digits as lead_id."""

TYPESCRIPT_OPTIONS = {
    "lib": ["es2023", "dom", "dom.iterable"],
    "module": "commonjs",
    "outDir": "built",
    "rewriteRelativeImportExtensions": True,
    "strict": True,
    "target": "es2022",
    "types": [],
}
KUBB = """\
import { defineConfig } from "@kubb/core";
import { pluginClient } from "@kubb/plugin-client";
import { pluginOas } from "@kubb/plugin-oas";
import { pluginTs } from "@kubb/plugin-ts";
export default defineConfig({
  root: ".",
  input: { path: "./squadiq.yaml" },
  output: { path: "./client", format: false, lint: false },
  plugins: [pluginOas({ generators: [] }), pluginTs(), pluginClient({ client: "fetch", bundle: true })],
});
"""


def played(play: Callable[[RunningMock], str]) -> str:
    """Have a program play on a mock that has one processed lead; return how much of it arrived.

    Raises:
        ToolError: one of the six operations did not do what it is for.
    """
    with running_mock(rate=0) as mock:
        lead = {"lead_id": PROCESSED, "phone_number": "9876543211", "contact_name": "Asha"}
        path = f"{mock.url}/api/v4/leads/create/{CAMPAIGN}/"
        httpx.post(path, json=lead, headers={"Authorization": f"Bearer {mock.token}"}, trust_env=False)
        mock.advance(60)
        try:
            said = play(mock)
            error = ""
        except ToolError as failure:
            said = error = str(failure)
        done = _done(mock, said)
    missing = [name for name, happened in done.items() if not happened]
    if missing or error:
        raise ToolError(f"{6 - len(missing)} of 6 operations; not {', '.join(missing) or 'to its end'}\n{said}")
    return "6 of 6 operations"


def _done(mock: RunningMock, said: str) -> dict[str, bool]:
    """Tell which operations did what they are for, by what the mock knows and by what the program printed."""
    processed, number, disabled = (mock.lead(CAMPAIGN, each) or {} for each in (PROCESSED, NUMBER, DISABLED))
    return {
        "createLeads": number.get("custom_fields", {}).get("visits") == [{"page": "pricing", "seconds": 42}],
        "getLeads": json.dumps([PROCESSED, processed["lead_outcome"]]) in said,
        "updateLead": number.get("custom_fields", {}).get("product_plan") == "Pro",
        "convertLead": number.get("detail") == "PAID",
        "disableLeads": disabled.get("disabled_at") is not None,
        "deleteLead": bool(disabled) and mock.lead(CAMPAIGN, DELETED) is None,
    }


def openapi_python_client(folder: Path) -> str:
    (folder / "config.yml").write_text("post_hooks: []\n", "utf-8")
    arguments = [f"--path={DOCUMENT}", "--meta=none", "--output-path=stock_client", "--config=config.yml"]
    run(sys.executable, "-m", "openapi_python_client", "generate", *arguments, "--fail-on-warning", folder=folder)
    program = PROGRAMS / "openapi_python_client.py"
    return played(lambda mock: run(sys.executable, program, mock.url, mock.token, PYTHONPATH=str(folder)))


def hey_api(folder: Path) -> str:
    run_node(
        MODULES / "@hey-api" / "openapi-ts" / "bin" / "run.js", f"--input={DOCUMENT}", "--output=client", folder=folder
    )
    return _played_in_typescript(folder, "hey_api.ts")


def kubb(folder: Path) -> str:
    (folder / "kubb.config.js").write_text(KUBB, "utf-8")
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    shutil.copy(DOCUMENT, folder)
    (folder / "node_modules").symlink_to(MODULES, target_is_directory=True)
    run_node(MODULES / "@kubb" / "cli" / "bin" / "kubb.cjs", "generate", folder=folder)
    (folder / "package.json").unlink()
    return _played_in_typescript(folder, "kubb.ts")


def orval(folder: Path) -> str:
    arguments = [f"--input={DOCUMENT}", "--output=client.ts", "--client=fetch"]
    run_node(MODULES / "orval" / "dist" / "bin" / "orval.mjs", *arguments, folder=folder)
    return _played_in_typescript(folder, "orval.ts")


def typescript_fetch(folder: Path) -> str:
    """Of a body that is a list or one object it imports the object twice, which tsc refuses: types go unchecked."""
    run_generator(
        "generate", f"--input-spec={DOCUMENT}", "--generator-name=typescript-fetch", f"--output={folder / 'client'}"
    )
    return f"{_played_in_typescript(folder, 'typescript_fetch.ts', '--noCheck')}, its types unchecked"


def go(folder: Path) -> str:
    run_generator("generate", f"--input-spec={DOCUMENT}", "--generator-name=go", f"--output={folder}")
    number = (folder / "model_lead_id.go").read_text("utf-8")
    if "Int64 *int64" not in number:
        raise ToolError("a lead_id of ten digits does not fit into its model")
    compiler = shutil.which("go")
    if compiler is None:
        return "written (there is no Go here to compile it)"
    run(compiler, "build", ".", folder=folder, GOFLAGS="-mod=mod")
    return "written and compiled"


def _played_in_typescript(folder: Path, program: str, *options: str) -> str:
    """Compile a program of `play/` with the client beside it, and have it play."""
    shutil.copy(PROGRAMS / program, folder / "play.ts")
    settings = {"compilerOptions": TYPESCRIPT_OPTIONS, "files": ["play.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    run_node(MODULES / "typescript" / "bin" / "tsc", *options, folder=folder)
    return played(lambda mock: run_node(folder / "built" / "play.js", mock.url, mock.token, folder=folder))


TOOLS: dict[str, Tool] = {
    "openapi-python-client": openapi_python_client,
    "hey-api": hey_api,
    "kubb": kubb,
    "orval": orval,
    "openapi-generator typescript-fetch": typescript_fetch,
    "openapi-generator go": go,
}
