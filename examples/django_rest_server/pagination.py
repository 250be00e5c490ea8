"""Pages as the framework has them, but for sizes that it would change in silence."""

from __future__ import annotations

import re

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination

WHOLE = re.compile(r"[0-9]{1,18}")


class LeadPages(PageNumberPagination):
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    last_page_strings = ()

    def get_page_size(self, request):
        text = request.query_params.get("page_size", "100")
        if not WHOLE.fullmatch(text) or not 1 <= int(text) <= self.max_page_size:
            raise ValidationError({"page_size": ["Give a number from 1 to 1000."]})
        return int(text)

    def get_page_number(self, request, paginator):
        text = request.query_params.get("page", "1")
        if not WHOLE.fullmatch(text):
            raise NotFound("Invalid page.")
        return int(text)
