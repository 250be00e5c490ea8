#!/bin/sh
# Install what the lock file pins into .venv, and the project itself as an editable install.
set -eu
echo "Setting up .venv (once; about a minute)" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
