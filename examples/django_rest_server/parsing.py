"""JSON in and out, and errors as the documentation lists them."""

from __future__ import annotations

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.views import exception_handler


class StrictParser(JSONParser):
    """Refuse what is nested so deep that it cannot be read."""

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deep") from None


class JsonWhateverIsAccepted(BaseContentNegotiation):
    """Answer in JSON, whatever the caller accepts."""

    def select_parser(self, request, parsers):
        is_json = (request.content_type or "").partition(";")[0].strip().lower() == "application/json"
        return parsers[0] if is_json else None

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


def explain(error, context):
    """Answer 400 for another media type: the documentation knows no 415."""
    if isinstance(error, UnsupportedMediaType):
        error = ParseError(error.detail)
    return exception_handler(error, context)
