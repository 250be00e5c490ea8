"""Who may call: a business with its access token, so often in a minute."""

from __future__ import annotations

import hmac
import os

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.throttling import SimpleRateThrottle


class Business:
    """The caller of a request."""

    is_authenticated = True
    pk = 1


class BearerAuthentication(BaseAuthentication):
    """Take `Authorization: Bearer …`; whatever else comes is 403, as the page of each operation says."""

    def authenticate(self, request):
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        wanted = os.environ.get("LEADS_TOKEN", "test_token").encode()
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token, wanted):
            raise AuthenticationFailed("Invalid token.")
        return Business(), None


class BusinessThrottle(SimpleRateThrottle):
    """Count the hits of a business."""

    scope = "business"

    def get_cache_key(self, request, view):
        return "business" if request.user else None
