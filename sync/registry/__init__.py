"""What is registered: integrators by name, and which object types a model feeds."""

from sync.registry.connections import connection, connections_of, ensure_connections
from sync.registry.integrators import (
    adopt,
    autodiscover,
    clear,
    get,
    integrators,
    models,
    register,
    subscribe,
    types_for,
    unregister,
)
from sync.registry.labels import model_label

__all__ = [
    "adopt",
    "autodiscover",
    "clear",
    "connection",
    "connections_of",
    "ensure_connections",
    "get",
    "integrators",
    "model_label",
    "models",
    "register",
    "subscribe",
    "types_for",
    "unregister",
]
