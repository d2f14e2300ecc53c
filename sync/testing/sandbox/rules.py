"""Faults on order: which request each of them meets, and when."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.testing.sandbox.config import ConfigError
from sync.testing.sandbox.message import Request
from sync.testing.sandbox.route import Place

BEFORE = ("status", "redirect", "reset", "close", "hold")
SPOILERS = (
    "html", "non_utf8", "bom", "empty", "oversized", "gzip_bomb", "endless", "headers", "bad_json", "id",
    "drip_headers", "drip_body", "truncate", "wrong_length",
)  # fmt: skip
AFTER = ("status_after", "reset_after", "close_after", "hold_after")
ACTIONS = (*BEFORE, *AFTER, *SPOILERS, "late", "delay", "delay_after")
MATCHERS = ("method", "path", "collection", "body", "nth", "times", "probability", "seed")
KINDS = {
    "bad_json": (
        "nan", "infinity", "huge_int", "deep", "nul", "surrogate",
        "cut", "list", "string", "null", "number", "text", "deep_body",
    ),
    "id": (
        "missing", "changed", "other", "null", "list", "object", "bool", "empty", "long", "float", "path", "crlf",
    ),
    "headers": ("many", "long", "binary", "no_colon", "negative_length", "two_lengths", "bad_status"),
    "late": ("hold", "close", "reset"),
}  # fmt: skip
PARAMS = ("status", "answer", "headers", "kind", "seconds", "bytes", "then", "location", "delay_s", "sticky")
SECONDS = {"hold": 30.0, "late": 1.0, "drip_headers": 0.05, "drip_body": 0.05, "endless": 60.0, "delay": 1.0}


@dataclass(slots=True, kw_only=True)
class Rule:
    """One fault.

    It meets requests by ``method`` (one or a list), ``path`` (a regular expression), ``collection`` and ``body`` (a
    text in it); of these only the ``nth`` (a number from 1, or a list), at most ``times`` (0: always), and with
    ``probability`` (0 to 1, from ``seed``). ``seen`` and ``fired`` count. What it does is ``do`` with ``params``;
    ``apply`` says whether the request takes effect.
    """

    number: int
    do: str
    name: str
    method: tuple[str, ...] = ()
    path: str = ""
    collection: str = ""
    body: str = ""
    nth: tuple[int, ...] = ()
    times: int = 0
    probability: float = 1.0
    seed: int = 0
    apply: bool = True
    params: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def base(self) -> str:
        """The action without its ``_after``."""
        return self.do.removesuffix("_after")

    @property
    def delay_s(self) -> float:
        """Seconds before the request is served."""
        return float(self.params.get("delay_s", self.seconds if self.do == "delay" else 0.0))

    @property
    def seconds(self) -> float:
        """How long a hold, delay or drip lasts."""
        return float(self.params.get("seconds", SECONDS.get(self.base, 0.0)))

    def meets(self, request: Request, place: Place) -> bool:
        """Return whether this request is to be broken, and count it."""
        if not self._matches(request, place):
            return False
        self.seen += 1
        if self.nth and self.seen not in self.nth:
            return False
        if self.times and self.fired >= self.times:
            return False
        if self.probability < 1.0 and self.random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        plain = {name: getattr(self, name) for name in ("number", "do", "name", "apply", *MATCHERS, "seen", "fired")}
        return {**plain, **self.params}

    def _matches(self, request: Request, place: Place) -> bool:
        if self.method and request.method not in self.method:
            return False
        if self.collection and place.collection != self.collection:
            return False
        if self.path and not re.search(self.path, request.path):
            return False
        return not self.body or self.body.encode() in request.body


class Rules:
    """The faults in force. Not locked: the sandbox holds its lock around every call."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._numbers = 0

    def add(self, told: Mapping[str, Any]) -> Rule:
        """Put a fault in force, behind the others.

        Raises:
            ConfigError: it does not make sense.
        """
        self._numbers += 1
        rule = parse(told, self._numbers)
        self.rules.append(rule)
        return rule

    def select(self, request: Request, place: Place) -> Rule | None:
        """Return the first fault that meets a request."""
        return next((rule for rule in self.rules if rule.meets(request, place)), None)

    def clear(self, number: int = 0) -> None:
        """Lift one fault, or all."""
        self.rules = [rule for rule in self.rules if number and rule.number != number]


def parse(told: Mapping[str, Any], number: int) -> Rule:
    """Return the rule that a JSON object describes.

    Raises:
        ConfigError: an unknown key or action, or a value that makes no sense.
    """
    known = (*MATCHERS, *PARAMS, "do", "name", "apply")
    for key in told:
        if key not in known:
            raise ConfigError(f"a fault knows {', '.join(known)}, not {key!r}")
    do = str(told.get("do", ""))
    if do not in ACTIONS:
        raise ConfigError(f"do is one of {', '.join(ACTIONS)}, not {do!r}")
    kind = told.get("then" if do == "late" else "kind")
    if kind is not None and kind not in KINDS.get(do, ()):
        raise ConfigError(f"{do} knows {', '.join(KINDS.get(do, ())) or 'no kinds'}, not {kind!r}")
    try:
        return _rule(told, do, number)
    except (TypeError, ValueError, re.error) as exc:
        raise ConfigError(f"the fault makes no sense: {exc}") from exc


def _rule(told: Mapping[str, Any], do: str, number: int) -> Rule:
    seed = int(told.get("seed", 0))
    path = str(told.get("path", ""))
    re.compile(path)
    return Rule(
        number=number,
        do=do,
        name=str(told.get("name") or do),
        method=tuple(str(one).upper() for one in _many(told.get("method"))),
        path=path,
        collection=str(told.get("collection", "")),
        body=str(told.get("body", "")),
        nth=tuple(int(one) for one in _many(told.get("nth"))),
        times=int(told.get("times") or 0),
        probability=float(told.get("probability", 1.0)),
        seed=seed,
        apply=bool(told.get("apply", do not in BEFORE)),
        params={name: told[name] for name in PARAMS if name in told},
        random=random.Random(seed),  # noqa: S311  - repeatable is the point
    )


def _many(told: Any) -> list[Any]:
    if told is None or told == "":
        return []
    return list(told) if isinstance(told, list | tuple) else [told]
