"""The version, which is in this one place."""

__version__ = "0.1.0"
