"""The page of the HTTP API: the document rendered, with the mock on this machine as its only server.

The page can send what it shows. A button that creates a lead at the live service would have a person
called, so the copy of the document that the page reads does not name the live service.
"""

from __future__ import annotations

from pathlib import Path

import yaml

HEAD = """# HTTP API

[The document](../files/openapi/squadiq.yaml), OpenAPI 3.1, rendered. The page works: start the mock, press
**Authorize**, give it the token `test_token`, and each **Execute** sends its request to the mock on your machine.
Nothing is sent to the live service.

```console
$ pip install 'squadiq[mock]'
$ squadiq mock
```

What the mock does beside the document stands in [The mock](../mock.md).

<swagger-ui src="../files/openapi/mock.yaml"/>
"""


def pages(document: Path) -> dict[str, str]:
    """Return the page, the document, and its copy for the mock, by where they stand in the site."""
    text = document.read_text("utf-8")
    return {
        "reference/http-api.md": HEAD,
        "files/openapi/squadiq.yaml": text,
        "files/openapi/mock.yaml": for_the_mock(text),
    }


def for_the_mock(text: str) -> str:
    """Return the document with no other server than one on this machine."""
    document = yaml.safe_load(text)
    document["servers"] = [server for server in document["servers"] if "127.0.0.1" in server["url"]]
    copy: str = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)
    return copy
