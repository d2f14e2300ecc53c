"""What users write: integrators, their object types, and the maps between fields and payloads."""

from sync.integrators.base import BaseIntegrator
from sync.integrators.clients import Client, client_of, connector, forget
from sync.integrators.crud import CrudIntegrator
from sync.integrators.mapping import BOTH, IN, OUT, Direction, Map, default_fields
from sync.integrators.object_type import ObjectType
from sync.integrators.options import Setting, effective, limits, retry_policy, threads, timeout_s

__all__ = [
    "BOTH",
    "IN",
    "OUT",
    "BaseIntegrator",
    "Client",
    "CrudIntegrator",
    "Direction",
    "Map",
    "ObjectType",
    "Setting",
    "client_of",
    "connector",
    "default_fields",
    "effective",
    "forget",
    "limits",
    "retry_policy",
    "threads",
    "timeout_s",
]
