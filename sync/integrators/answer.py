"""What an answer means for one object, and what it says for the local row."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from sync import capture
from sync.connectors import classify, objects
from sync.connectors.classify import usable_id
from sync.connectors.options import LOCATION
from sync.connectors.pagination import at
from sync.exceptions import ConfigurationError, PayloadError
from sync.integrators.base import failed, part_of
from sync.integrators.bound import Bound
from sync.integrators.hooks import called, hook, overridden
from sync.secrets import trace
from sync.types import OURSELVES, Answer, Call, Outcome, OutcomeKind, Verb, type_json

logger = logging.getLogger("crudsync.integrators")


class AnswerReader(Bound):
    """How the object's answers are read."""

    def read_answer(self, call: Call, answer: Answer) -> Outcome:
        """Return what an answer means; a validate_response() of the integrator's own may correct the id.

        Args:
            call: that was sent.
            answer: to it.
        """
        outcome = self._spoken().connector.outcome(self.spec.rest, call, answer)
        if answer.response is not None:
            if self.header_rate_limit_attr:
                self.note_rate_limit(answer.response)
            self._spoken().teach(answer.response, outcome)
        if call.verb.writes and overridden(type(self), "validate_response"):
            return self._validated_by_hook(call, answer, outcome)
        return outcome

    def read_bulk_answer(self, calls: Sequence[Call], answer: Answer) -> list[Outcome]:
        """Return one outcome for each call of a batch, paired by key.

        A validate_response() of the integrator's own is called for each object with its part of the answer.
        """
        if self.spec.bulk is None:
            raise ConfigurationError(f"{self.object_type} has no bulk endpoints", code="no_bulk")
        outcomes = self._spoken().connector.bulk_outcomes(self.spec.rest, self.spec.bulk, calls, answer)
        self.note_rate_limit(answer.response)
        if answer.response is not None and outcomes:
            self._spoken().teach(answer.response, outcomes[0])
        if answer.response is None or not overridden(type(self), "validate_response"):
            return outcomes
        parts = [replace(answer, response=part_of(answer.response, outcome.data)) for outcome in outcomes]
        return [self._validated_by_hook(*each) for each in zip(calls, parts, outcomes, strict=True)]

    def outcome_of(self, response: Any) -> Outcome:
        """Return what the status of an answer means, by ``classify`` of the object type."""
        return classify.from_status(Verb.UPDATE, response, self.spec.rest.outcomes)

    def id_in(self, content: type_json) -> Any:
        """Return the id that a parsed body shows, by ``envelope`` and ``id_path``; None where it shows none."""
        return self._id_of(objects.unwrap(content, self.spec.envelope))

    @hook
    def write_back(self, data: type_json) -> dict[str, Any]:
        """Return the values to write to the local row, by field: those mapped ``IN`` or ``BOTH``.

        Args:
            data: the object as the remote showed it.
        """
        return self.spec.mapper.write_back(data)

    def writing(self) -> AbstractContextManager[None]:
        """Name us as the writer of whatever is saved inside the block, where nobody says otherwise."""
        return capture.actor(OURSELVES)

    def writes_back(self) -> bool:
        """Return whether answers may change the local row."""
        return self.spec.mapper.inward or overridden(type(self), "write_back")

    def write_back_values(self, outcome: Outcome) -> dict[str, Any]:
        """Return what an outcome's data say for the local row, by field.

        Raises:
            PayloadError: a hook raised, or a field does not take its value.
        """
        if not isinstance(outcome.data, Mapping) or not self.writes_back():
            return {}
        values = called("write_back", self.write_back, outcome.data) or {}
        columns = {field.name for field in self.spec.model._meta.concrete_fields if not field.primary_key}
        if wrong := sorted(set(values) - columns):
            raise PayloadError(f"write_back() names {', '.join(wrong)}, which is no column", code="write_back")
        return dict(values)

    def _id_of(self, shown: type_json) -> Any:
        path = "id" if self.spec.id_path == LOCATION else self.spec.id_path
        return at(shown, path) if isinstance(shown, Mapping) else None

    def _validated_by_hook(self, call: Call, answer: Answer, outcome: Outcome) -> Outcome:
        """Let the hook see a success, and an answer to a create whose id only the hook may know to find."""
        nameless = call.verb is Verb.CREATE and outcome.code == "no_id"
        if answer.response is None or not (outcome.ok or nameless):
            return outcome
        try:
            self._validated = self.validate_response(answer.response)
        except Exception as error:  # noqa: BLE001 - the host's code; what the remote did stands
            logger.error(  # noqa: TRY400 - an exception's own text and frames may hold a secret
                "validate_response() of %s failed\n%s", type(self).__name__, trace(error)
            )
            return outcome if nameless else failed(outcome, error)
        known = usable_id(self._validated) if call.verb is Verb.CREATE else None
        if known is None:
            return outcome
        return replace(outcome, kind=OutcomeKind.OK, code="", detail="", remote_id=known)
