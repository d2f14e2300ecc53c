"""What deeds take, and what they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from sync.deadletters.ignore import LONGEST_REASON
from sync.models.identity import LARGEST
from sync.resync.pausing import LONGEST_REASON as LONGEST_PAUSE
from sync.types import Wanted

MODES = {"push": Wanted.PUSH, "verify": Wanted.VERIFY}
AT_ONCE = 1000
"""Objects that one request names at the most."""

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class ModeBody(_Serializer):
    """How objects are asked for again."""

    mode = serializers.ChoiceField(
        [("push", "send the whole state"), ("verify", "read the remote first, send what differs")],
        default="push",
        help_text="What a worker does.",
    )

    @property
    def wanted(self) -> Wanted:
        """What is asked for."""
        return MODES[self.validated_data["mode"]]


class ResyncBody(ModeBody):
    """Which objects are asked for again, and how."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST),
        min_length=1,
        max_length=AT_ONCE,
        help_text="Ids of bindings.",
    )


class ReasonBody(_Serializer):
    """Why nobody need look at dead letters."""

    reason = serializers.CharField(max_length=LONGEST_REASON, help_text="Shown beside them, with your name.")


class PauseBody(_Serializer):
    """Why an account is paused."""

    reason = serializers.CharField(
        max_length=LONGEST_PAUSE, required=False, allow_blank=True, default="", help_text="Shown wherever it waits."
    )


class Asked(_Serializer):
    """What was asked for; workers do it."""

    asked = serializers.IntegerField(help_text="Objects (under one connection each) that were asked for.")
    location = serializers.CharField(help_text="Where to see what becomes of it; also the header `Location`.")


class Replay(Asked):
    """What a replay asked for, and what it left."""

    in_doubt = serializers.IntegerField(
        help_text="Left: nobody knows whether their create arrived. A person looks there first."
    )
    under_way = serializers.IntegerField(help_text="Left: they are to be sent already.")
    more = serializers.BooleanField(help_text="There are more than one request takes: send it again.")


class Noted(_Serializer):
    """How many dead letters were changed."""

    changed = serializers.IntegerField(help_text="Dead letters.")
    more = serializers.BooleanField(help_text="There are more than one request takes: send it again.")
