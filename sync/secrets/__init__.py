"""Credentials: references to them, and their sealed form in the database."""

from sync.secrets.account import Account, configured, credentials
from sync.secrets.memory import hushed, remember, source, trace
from sync.secrets.names import hide, is_secret_name, redact, without_secrets
from sync.secrets.references import is_reference, resolve
from sync.secrets.sealing import check_keys, is_newest, open_sealed, rotate, seal

__all__ = [
    "Account",
    "check_keys",
    "configured",
    "credentials",
    "hide",
    "hushed",
    "is_newest",
    "is_reference",
    "is_secret_name",
    "open_sealed",
    "redact",
    "remember",
    "resolve",
    "rotate",
    "seal",
    "source",
    "trace",
    "without_secrets",
]
