"""`docs/scaling.md` is so: its programs are as the library has it, and Python reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scaling.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=["procrastinate", "celery"])
def test_the_programs_of_the_page_begin(program: str) -> None:
    names: dict[str, Any] = {"__name__": "myapp"}
    exec(program, names)
    assert callable(names["sign_up"])
    assert len(names["inbox"]._handlers) == 1
