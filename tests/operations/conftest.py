from __future__ import annotations

import pytest

from sync import bindings
from sync.bindings import Fold
from sync.models import Binding, Connection


@pytest.fixture
def binding(db: None) -> Binding:
    """A binding of a connection that nobody registered: the journal does not care."""
    return bound(Connection.objects.create(integrator="vault"), "1")


def bound(connection: Connection, object_id: str) -> Binding:
    bindings.fold([Fold(connection_id=connection.pk, object_type="coin", object_id=object_id, model="vault.coin")])
    return Binding.objects.get(connection=connection, object_id=object_id)
