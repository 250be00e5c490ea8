"""What must never be, as ARCHITECTURE.md says: who may import whom."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SQUADIQ = ROOT / "squadiq"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SQUADIQ.rglob("*.py"))
}
FACADE = {
    "squadiq._at_once",
    "squadiq._checks",
    "squadiq._deadline",
    "squadiq._decoding",
    "squadiq._response_reader",
    "squadiq._network",
    "squadiq.responses",
    "squadiq.auth",
    "squadiq.campaign",
    "squadiq.client",
    "squadiq.config",
    "squadiq.exchange",
    "squadiq.validation",
    "squadiq.attempts",
    "squadiq.operations",
    "squadiq.pagination",
    "squadiq.policy",
    "squadiq.phone",
    "squadiq.retry",
    "squadiq.settlement",
    "squadiq.transport",
}
WITHOUT_IO = [
    "squadiq._at_once",
    "squadiq._checks",
    "squadiq._decoding",
    "squadiq.attempts",
    "squadiq.errors",
    "squadiq.exchange",
    "squadiq.policy",
    "squadiq.validation",
    "squadiq.operations",
    "squadiq.outbox.requests",
    "squadiq.outcomes.cells",
    "squadiq.outcomes.rows",
    "squadiq.outcomes.spans",
    "squadiq.push.checking",
    "squadiq.push.decisions",
    "squadiq.queue.backoff",
    "squadiq.quota.client",
    "squadiq.quota.slots",
    "squadiq.retry",
    "squadiq.settlement",
    "squadiq.spec",
    "squadiq.webhooks.parsing",
]
PACKAGES = [
    "squadiq.quota",
    "squadiq.queue",
    "squadiq.push",
    "squadiq.webhooks",
    "squadiq.inbox",
    "squadiq.outbox",
    "squadiq.outcomes",
    "squadiq.integrations",
    "squadiq.contract",
    "squadiq.mock",
    "squadiq.testing",
    "squadiq.cli",
]
_BELOW: dict[str, list[str]] = {
    "squadiq.quota": [],
    "squadiq": ["squadiq.quota"],
    "squadiq.queue": ["squadiq"],
    "squadiq.webhooks": ["squadiq"],
    "squadiq.push": ["squadiq", "squadiq.quota"],
    "squadiq.outbox": ["squadiq", "squadiq.queue"],
    "squadiq.inbox": ["squadiq", "squadiq.queue", "squadiq.webhooks"],
    "squadiq.outcomes": ["squadiq", "squadiq.queue", "squadiq.webhooks", "squadiq.inbox"],
    "squadiq.integrations": [
        "squadiq",
        "squadiq.quota",
        "squadiq.queue",
        "squadiq.webhooks",
        "squadiq.inbox",
        "squadiq.outbox",
        "squadiq.outcomes",
    ],
    "squadiq.mock": ["squadiq"],
    "squadiq.testing": ["squadiq", "squadiq.mock"],
    "squadiq.contract": ["squadiq", "squadiq.quota"],
}
"""What a layer may know, beside what belongs to it. The commands know everything."""
ABOVE = {
    layer: {
        name
        for name in MODULES
        for package in [name if name in ("squadiq", "squadiq.__main__") else ".".join(name.split(".")[:2])]
        if package in PACKAGES and package not in (layer, *below)
    }
    for layer, below in _BELOW.items()
}
PLUGIN = "squadiq.mock.pytest_plugin"
MAY_CALL_UPWARDS = {
    "squadiq.campaign": {"squadiq.push.run"},
    "squadiq.__main__": {"squadiq.cli"},
    PLUGIN: {"squadiq.testing"},
}
"""As ARCHITECTURE.md says: `push_leads` of a campaign, when it is called, the command itself, and pytest's fixture."""
HTTP_LIBRARIES = {"httpx", "httpcore", "requests", "aiohttp", "urllib3"}
MAY_SPEAK_HTTP = {
    "squadiq._deadline",
    "squadiq._response_reader",
    "squadiq._network",
    "squadiq.client",
    "squadiq.config",
    "squadiq.transport",
}
DOES_IO = {"asyncio", "anyio", "http", "os", "random", "socket", "sqlite3", "subprocess", "threading", "time"}


def imports(module: str) -> Iterator[str]:
    """Every module that a module imports, anywhere in it but for the type checkers."""
    for node in ast.walk(_without_type_checking(ast.parse(MODULES[module].read_text("utf-8")))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module or ""


def _without_type_checking(tree: ast.Module) -> ast.Module:
    class Remover(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            is_typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            return None if is_typing else self.generic_visit(node)

    Remover().visit(tree)
    return tree


def package_of(module: str) -> str:
    return module.partition(".")[0]


def home_of(name: str) -> str:
    """The module that an imported name is in."""
    return name if name in MODULES else name.rpartition(".")[0] if name.startswith("squadiq.") else name


def layer_of(module: str) -> str:
    """The layer of ARCHITECTURE.md that a module is in: a package, or the facade."""
    package = ".".join(module.split(".")[:2])
    return package if package in PACKAGES else "squadiq"


@pytest.mark.parametrize("module", sorted(FACADE))
def test_the_facade_speaks_http_in_few_places(module: str) -> None:
    libraries = {package_of(name) for name in imports(module)} & HTTP_LIBRARIES
    assert not libraries or module in MAY_SPEAK_HTTP


@pytest.mark.parametrize("module", WITHOUT_IO)
def test_decisions_do_no_io_and_read_no_clock(module: str) -> None:
    assert {package_of(name) for name in imports(module)} & (DOES_IO | HTTP_LIBRARIES) == set()


@pytest.mark.parametrize("module", sorted({name for name in MODULES if name.startswith("squadiq.mock")} - {PLUGIN}))
def test_the_mock_knows_nothing_of_the_facade(module: str) -> None:
    # One bounded decoder for bodies either way; it imports nothing of the facade itself.
    allowed = {"squadiq._decoding", "squadiq._extras", "squadiq.spec"}
    ours = {name for name in imports(module) if package_of(name) == "squadiq" and not name.startswith("squadiq.mock")}
    assert {home_of(name) for name in ours} <= allowed
    assert not [name for name in imports("squadiq._decoding") if package_of(name) == "squadiq"]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_what_is_above_it(module: str) -> None:
    above = {home_of(name) for name in imports(module)} & ABOVE.get(layer_of(module), set())
    above -= MAY_CALL_UPWARDS.get(module, set())
    assert not above, f"{module} imports {sorted(above)}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    arrows = {module: {home_of(name) for name in imports(module)} & MODULES.keys() for module in MODULES}
    for module in MODULES:
        reached, waiting = set[str](), [module]
        while waiting:
            waiting += (new := arrows[waiting.pop()] - reached)
            reached |= new
        assert module not in reached, f"{module} imports itself by way of others"


def test_no_class_has_the_name_of_another() -> None:
    names = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_no_public_function_of_a_module_has_the_name_of_another() -> None:
    # An engine is chosen by its module: what is done with one has the same name for all.
    names = Counter(
        node.name
        for module, path in MODULES.items()
        if module != "squadiq.integrations.celery"
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("module", sorted(FACADE | {"squadiq"}))
def test_the_facade_knows_nothing_of_the_mock_or_of_commands(module: str) -> None:
    assert not [name for name in imports(module) if name.startswith(("squadiq.mock", "squadiq.cli"))]


def test_every_module_says_its_purpose_in_one_line_and_stays_small() -> None:
    for name, path in MODULES.items():
        text = path.read_text("utf-8")
        said = ast.get_docstring(ast.parse(text)) or ""
        assert said.partition("\n")[0].endswith((".", ":", "?")), f"{name} does not say its purpose in its first line"
        assert text.count("\n") <= 450, f"{name} has grown too long: split it"
