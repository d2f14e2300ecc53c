"""One object's failure, as the other rooms report it, and what it is grouped by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sync.deadletters.normal import without_values

LONGEST_CODE = 50
LONGEST_FIELD = 100
LONGEST_MESSAGE = 200
LONGEST_EXAMPLE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why one object cannot be sent.

    ``code`` is stable, ``status_code`` that of the answer (0: none), ``field`` the one that a refusal names,
    ``message`` what was said, ``example`` the same as a person should read it.
    """

    connection_id: int
    code: str
    status_code: int = 0
    field: str = ""
    message: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What all failures of one cause have in common; the fields are those of the row."""

    integrator: str
    code: str
    status_code: int
    field: str
    message: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all of it, in hexadecimal."""
        parts = [self.integrator, self.code, self.status_code, self.field, self.message]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def kind_of(trouble: Trouble, integrator: str) -> Kind:
    """Return the kind that a failure is of."""
    return Kind(
        integrator=integrator,
        code=trouble.code[:LONGEST_CODE],
        status_code=trouble.status_code,
        field=without_values(trouble.field)[:LONGEST_FIELD],
        message=without_values(trouble.message)[:LONGEST_MESSAGE],
    )
