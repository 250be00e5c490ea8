"""Settings of the project, and its WSGI application."""

from __future__ import annotations

import os

DEBUG = False
SECRET_KEY = os.urandom(32).hex()
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
APPEND_SLASH = False
ROOT_URLCONF = "django_rest_server.urls"
INSTALLED_APPS = ["rest_framework", "django_rest_server"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("LEADS_DB", "leads.sqlite3"),
        "OPTIONS": {
            "timeout": 20,
            # Two requests that read before they write would else refuse each other.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
        },
        "CONN_MAX_AGE": None,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_rest_server.access.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["django_rest_server.access.BusinessThrottle"],
    "DEFAULT_THROTTLE_RATES": {"business": os.environ.get("LEADS_RATE", "100/min")},
    "DEFAULT_PARSER_CLASSES": ["django_rest_server.parsing.StrictParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "django_rest_server.parsing.JsonWhateverIsAccepted",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "django_rest_server.parsing.explain",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}


def application(environ, start_response):
    """Answer by WSGI; the framework is set up by the first request."""
    global _application
    if _application is None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_rest_server.settings")
        from django.core.wsgi import get_wsgi_application

        _application = get_wsgi_application()
    return _application(environ, start_response)


_application = None
