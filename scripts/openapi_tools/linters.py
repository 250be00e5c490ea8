"""Tools that say what is wrong with the document, and TypeScript's types of it."""

from __future__ import annotations

import compileall
import re
from pathlib import Path

from openapi_tools.running import DOCUMENT, MODULES, Tool, ToolError, run_generator, run_node

SPECTRAL_RULES = "extends: [spectral:oas]\nrules:\n  path-keys-no-trailing-slash: off\n"
REDOCLY_RULES = "extends: [recommended]\nrules:\n  no-path-trailing-slash: off\n  no-server-example.com: off\n"
"""The paths of the API end in a slash, and a server is the mock on this machine; every other rule stands."""

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


def spectral(folder: Path) -> str:
    rules = folder / "spectral.yaml"
    rules.write_text(SPECTRAL_RULES, "utf-8")
    command = MODULES / "@stoplight" / "spectral-cli" / "dist" / "index.js"
    run_node(command, "lint", "--fail-severity=hint", f"--ruleset={rules}", DOCUMENT)
    return "clean"


def redocly(folder: Path) -> str:
    rules = folder / "redocly.yaml"
    rules.write_text(REDOCLY_RULES, "utf-8")
    command = MODULES / "@redocly" / "cli" / "bin" / "cli.js"
    said = run_node(command, "lint", "--max-problems=1000", f"--config={rules}", DOCUMENT)
    if "warning" in said:
        raise ToolError(said)
    return "clean"


def openapi_typescript(folder: Path) -> str:
    """Write TypeScript types, and compile a few lines that use them."""
    reader = folder / "reader.ts"
    reader.write_text(TYPESCRIPT, "utf-8")
    run_node(MODULES / "openapi-typescript" / "bin" / "cli.js", DOCUMENT, f"--output={folder / 'squadiq.d.ts'}")
    run_node(MODULES / "typescript" / "bin" / "tsc", "--noEmit", "--strict", reader)
    return "types written and compiled"


def openapi_generator(folder: Path) -> str:
    """Validate, write a Python client, and compile it; what it writes for webhooks is no Python."""
    client = folder / "client"
    run_generator("validate", f"--input-spec={DOCUMENT}")
    run_generator("generate", f"--input-spec={DOCUMENT}", "--generator-name=python", f"--output={client}")
    if not (client / "openapi_client" / "api" / "leads_api.py").exists():
        raise ToolError("it wrote no leads_api.py")
    if not compileall.compile_dir(client, quiet=1, rx=re.compile("webhooks_api")):
        raise ToolError("what it wrote does not compile")
    return "valid; Python client compiled, but for the webhook"


TOOLS: dict[str, Tool] = {
    "Spectral": spectral,
    "Redocly": redocly,
    "openapi-typescript": openapi_typescript,
    "openapi-generator": openapi_generator,
}
