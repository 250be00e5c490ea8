"""Write `generated/squadiq_generated/` from `openapi/squadiq.yaml`, or check that it is up to date.

python scripts/generate.py            write
python scripts/generate.py --check    write into a temporary folder and compare whole trees
"""

from __future__ import annotations

import argparse
import filecmp
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "squadiq_generated"
TEMPLATES = Path(__file__).resolve().parent / "templates"
HEADER = '"""{}\n\nWritten by `make generate` from openapi/squadiq.yaml. Not to be edited."""\n'

MODEL_OPTIONS = [
    "--input-file-type=openapi",
    "--openapi-scopes=schemas",
    "--output-model-type=pydantic_v2.BaseModel",
    "--target-python-version=3.11",
    "--use-annotated",
    "--use-schema-description",
    "--use-field-description",
    "--use-single-line-docstring",
    "--use-standard-collections",
    "--use-union-operator",
    "--use-double-quotes",
    "--disable-timestamp",
    "--use-type-alias",
    f"--base-class={PACKAGE}._base.Model",
    f'--type-overrides={{"OffsetDateTime": "{PACKAGE}._base.Timestamp"}}',
    "--type-mappings=uri=string",
    "--formatters=builtin",
    "--additional-imports=typing.TYPE_CHECKING,typing.Any",
    f"--custom-template-dir={TEMPLATES / 'models'}",
]

RUFF_OPTIONS = [
    "--isolated",
    "--quiet",
    "--config=line-length=120",
    "--config=target-version='py311'",
    "--config=format.skip-magic-trailing-comma=true",
    "--config=lint.isort.split-on-trailing-comma=false",
]

SCHEMAS = "#/components/schemas/"
_TIME = {"$ref": SCHEMAS + "OffsetDateTime"}
READ_AS: dict[str, dict[str, Any]] = {
    "LeadId": {"$ref": SCHEMAS + "LeadIdText"},
    "CreationTime": _TIME,
    "EventTime": _TIME,
    "CallTime": {"anyOf": [_TIME, {"type": "null"}]},
    "Acknowledgement": {},
    "ResponseValue": {},
}
"""Schemas with alternatives of which a Python model has one: a number becomes text, every time an aware one."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="compare instead of writing; exit 1 on a difference")
    check = bool(parser.parse_args().check)
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary) / PACKAGE
        generate(ROOT / "openapi" / "squadiq.yaml", fresh)
        committed = ROOT / "generated" / PACKAGE
        if not check:
            shutil.rmtree(committed, ignore_errors=True)
            shutil.copytree(fresh, committed)
            print(f"generate: wrote generated/{PACKAGE}")
            return 0
        differences = compare(committed, fresh)
    for line in differences:
        print(f"generate-check: generated/{PACKAGE}/{line}")
    print("generate-check: " + ("run `make generate` and commit the result" if differences else "up to date"))
    return 1 if differences else 0


def generate(document: Path, target: Path) -> None:
    """Write the whole package `squadiq_generated` for a document into a folder that does not exist."""
    contents = yaml.safe_load(document.read_text("utf-8"))
    target.mkdir(parents=True)
    (target / "__init__.py").write_text(HEADER.format("Models and client of the SquadIQ API."), "utf-8")
    (target / "py.typed").touch()
    (target / "openapi.json").write_text(json.dumps(contents, ensure_ascii=False, indent=1) + "\n", "utf-8")
    shutil.copy(TEMPLATES / "_base.py", target / "_base.py")
    with tempfile.TemporaryDirectory() as temporary:
        models = Path(temporary) / "models.json"
        models.write_text(json.dumps({**contents, "paths": {}, "components": {"schemas": python_schemas(contents)}}))
        _write_models(models, target / "models.py")
        _write_client(document, target / "client", Path(temporary))
    (target / "constants.py").write_text(constants(contents), "utf-8")
    _run("ruff", "check", *RUFF_OPTIONS, "--fix", "--select=I,F401", "--output-format=concise", str(target))
    _run("ruff", "format", *RUFF_OPTIONS, str(target))


def constants(contents: dict[str, Any]) -> str:
    """Return a module of the numbers and names that code needs of the document."""
    schemas, limit = contents["components"]["schemas"], contents["x-rate-limit"]
    operations = [each for path in contents["paths"].values() for each in path.values() if "operationId" in each]
    names = {re.sub("(?<=[a-z])(?=[A-Z])", "_", each["operationId"]).upper(): each for each in operations}
    numbers = {
        "QUOTA_HITS": limit["hits"],
        "QUOTA_WINDOW_SECONDS": float(limit["window_seconds"]),
        "LARGEST_PAGE_SIZE": schemas["PageSize"]["maximum"],
        "LARGEST_NUMBER": schemas["CustomNumber"]["maximum"],
        "LAST_SECOND": schemas["EpochSeconds"]["maximum"],
    }
    repeatable = [name for name, each in names.items() if each.get("x-idempotent")]
    return "\n".join(
        [
            HEADER.format("Numbers and names of the document."),
            *(f"{name} = {value}" for name, value in numbers.items()),
            "",
            *(f'{name} = "{each["operationId"]}"' for name, each in names.items()),
            f"IDEMPOTENT = frozenset({{{', '.join(repeatable)}}})",
            '"""Operations that may be carried out twice with the effect of once."""',
            "",
        ]
    )


def python_schemas(contents: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of requests and of successful answers: an error becomes an exception, not a model."""
    schemas: dict[str, Any] = contents["components"]["schemas"]
    read = {
        name: {"description": schema.get("description", name), **READ_AS[name]} if name in READ_AS else schema
        for name, schema in schemas.items()
    }
    operations = [each for path in contents["paths"].values() for each in path.values() if "responses" in each]
    found, waiting = set[str](), list[str]()
    for operation in operations:
        successes = [each for status, each in operation["responses"].items() if status[0] == "2"]
        waiting += references([operation.get("requestBody"), *successes])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references(read[name])
    return {name: schema for name, schema in read.items() if name in found}


def references(node: Any) -> Iterator[str]:
    """Yield the names of the schemas that a part of the document refers to."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(SCHEMAS):
            yield reference.removeprefix(SCHEMAS)
        node = [child for key, child in node.items() if key not in ("if", "then")]
    for child in node if isinstance(node, list) else ():
        yield from references(child)


def compare(committed: Path, fresh: Path) -> list[str]:
    """Name every file that differs, is missing or is not generated; compiled files aside."""
    ours, theirs = _files(committed), _files(fresh)
    return [
        *(f"{name}: not committed" for name in sorted(theirs - ours)),
        *(f"{name}: not generated from the document" for name in sorted(ours - theirs)),
        *(
            f"{name}: differs"
            for name in sorted(ours & theirs)
            if not filecmp.cmp(committed / name, fresh / name, shallow=False)
        ),
    ]


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _write_models(schemas: Path, target: Path) -> None:
    header = HEADER.format("The schemas of the document as pydantic models.")
    _run(
        "datamodel_code_generator",
        f"--input={schemas}",
        f"--output={target}",
        f"--custom-file-header={header}",
        *MODEL_OPTIONS,
    )


def _write_client(document: Path, target: Path, temporary: Path) -> None:
    stock, config = temporary / "client", temporary / "config.yml"
    config.write_text("post_hooks: []\n", "utf-8")
    _run(
        "openapi_python_client",
        "generate",
        f"--path={document}",
        "--meta=none",
        f"--output-path={stock}",
        f"--custom-template-path={TEMPLATES / 'client'}",
        f"--config={config}",
        "--fail-on-warning",
    )
    target.mkdir()
    (target / "__init__.py").write_text(HEADER.format("One module per operation of the SquadIQ API."), "utf-8")
    shutil.copy(stock / "types.py", target / "types.py")
    for module in sorted(stock.glob("api/*/*.py")):
        if module.name != "__init__.py":
            shutil.copy(module, target / module.name)


def _run(module: str, *arguments: str) -> None:
    finished = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SystemExit(f"generate: {module} failed\n{finished.stdout}{finished.stderr}")


if __name__ == "__main__":
    sys.exit(main())
