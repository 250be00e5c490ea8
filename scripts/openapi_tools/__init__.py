"""Tools that read the OpenAPI document and that the project does not use otherwise; see scripts/lint_openapi.py."""
