"""Credentials: references to them, and their sealed form in the database."""

from sync.secrets.account import Account, configured, credentials
from sync.secrets.names import is_secret_name, redact
from sync.secrets.references import is_reference, resolve
from sync.secrets.sealing import open_sealed, rotate, seal

__all__ = [
    "Account",
    "configured",
    "credentials",
    "is_reference",
    "is_secret_name",
    "open_sealed",
    "redact",
    "resolve",
    "rotate",
    "seal",
]
