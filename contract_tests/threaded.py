"""A faulty mock on a port that answers several requests at once: the mock's own server answers one after another."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from contract_tests.targets import FaultyMock
from squadiq.mock.messages import MockRequest


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True  # a connection that is kept open must not keep the server from closing

    def __init__(self, mock: FaultyMock) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mock = mock


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        assert isinstance(self.server, _Server)
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = MockRequest(self.command, path, query, headers, body, f"http://{headers['host']}")
        response = self.server.mock.respond(request)
        said = {"content-type": response.media_type, **{name.lower(): text for name, text in response.headers}}
        self.send_response(response.status)
        for name, text in {**said, "content-length": str(len(response.body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests hold phone numbers."""


@contextmanager
def threaded_server(mock: FaultyMock) -> Generator[str]:
    """Serve a mock on a free port of this machine, each connection in a thread of its own, and yield the URL."""
    with _Server(mock) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
