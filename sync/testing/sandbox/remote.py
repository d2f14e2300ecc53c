"""The remote itself: what happens to a request between its arrival and its answer."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sync.testing.sandbox import limits, route
from sync.testing.sandbox.auth import TOKEN_PATH, Auth
from sync.testing.sandbox.bulk import Bulk
from sync.testing.sandbox.config import Config
from sync.testing.sandbox.describe import described
from sync.testing.sandbox.entry import Entry
from sync.testing.sandbox.journal import Journal
from sync.testing.sandbox.keys import Keys
from sync.testing.sandbox.limits import Limits, Verdict
from sync.testing.sandbox.listing import Listing
from sync.testing.sandbox.message import Effect, Refusal, Reply, Request, error, json_reply
from sync.testing.sandbox.objects import Objects
from sync.testing.sandbox.route import Place
from sync.testing.sandbox.rules import Rule, Rules
from sync.testing.sandbox.spoil import spoil
from sync.testing.sandbox.statefile import StateFile
from sync.testing.sandbox.store import Store
from sync.testing.sandbox.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request under way, with all that was found out about it."""

    request: Request
    place: Place
    config: Config
    entry: Entry
    verdict: Verdict


class SandboxRemote:
    """A CRUD remote without its socket.

    Args:
        config: how it behaves at start and after a reset.
        journal: file for the journal, None for memory alone.
        state: file for the state, None for memory alone.
        fsync: both files survive a crash of the machine.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        journal: str | Path | None = None,
        state: str | Path | None = None,
        fsync: bool = False,
    ) -> None:
        self.first_config = self.config = config or Config()
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.started_at = time.time()
        self.file = StateFile(state, fsync=fsync) if state else None
        self.journal = Journal(journal, fsync=fsync, keep=self.config.journal_keep)
        self.store, self.auth, self.keys = Store(self.file), Auth(self.file), Keys(self.file)
        self.limits, self.rules, self.webhooks = Limits(), Rules(), Webhooks()
        self.objects = Objects(self.store, self._announce)
        self.bulk = Bulk(self.objects, self.config.seed)
        self.listing = Listing(self.store, self.config.seed)
        if self.file is not None:
            self.file.load(self._replay)
            self.compact()

    def serve(self, request: Request) -> Reply:
        """Answer one request of a client. Nothing escapes: a fault of ours is a 500."""
        try:
            return self._serve(request)
        except Exception:  # noqa: BLE001  - the edge of the server: record and go on
            traceback.print_exc(file=sys.stderr)
            return error(500, "sandbox_error", "the sandbox itself failed; see its standard error")

    def configure(self, options: Mapping[str, Any]) -> Config:
        """Set options from now on.

        Raises:
            ConfigError: one of them makes no sense.
        """
        with self.lock:
            self.config = self.config.changed(options)
            return self.config

    def reset(self, keep: tuple[str, ...] = ()) -> None:
        """Forget objects, journal, faults, keys, tokens and options, but for those named in ``keep``."""
        with self.lock:
            if "config" not in keep:
                self.config = self.first_config
            parts = {"objects": self.store, "journal": self.journal, "faults": self.rules, "keys": self.keys}
            for name, part in {**parts, "tokens": self.auth, "limits": self.limits}.items():
                if name not in keep:
                    part.clear()  # type: ignore[attr-defined]
            self.webhooks.deliveries.clear()
            self.compact()

    def compact(self) -> None:
        """Write the state file anew."""
        if self.file is not None:
            self.file.compact([*self.store.lines(), *self.auth.lines(), *self.keys.lines()])

    def commit(self) -> None:
        """Bring what changed into the state file."""
        if self.file is not None:
            self.file.commit()

    def stop(self) -> None:
        """End waits and threads, and close the files."""
        self.stopping.set()
        self.webhooks.stop()
        with self.lock:
            self.journal.close()
            if self.file is not None:
                self.file.close()

    def _replay(self, line: Mapping[str, Any]) -> None:
        for part in (self.store, self.auth, self.keys):
            part.replay(line)

    def _announce(self, event: str, collection: str, data: Mapping[str, Any]) -> None:
        if self.config.webhooks:
            self.webhooks.notify(self.config.webhooks, event, collection, data)

    def _serve(self, request: Request) -> Reply:
        place = route.locate(request.path, self.config.prefix)
        with self.lock:
            exchange, refusal = self._arrive(request, place)
            if refusal is not None:
                return self._finish(exchange, refusal)
            rule = self.rules.select(request, place)
            if rule is None:
                return self._finish(exchange, self._open(exchange) or self._perform(exchange))
            exchange.entry.fault = rule.name
        return self._broken(exchange, rule)

    def _arrive(self, request: Request, place: Place) -> tuple[Exchange, Reply | None]:
        config = self.config.of(place.collection)
        token = request.path.endswith(TOKEN_PATH)
        kind = "token" if token else place.action if place.action == route.BULK else "object"
        entry = self.journal.arrive(request, place, kind, config)
        verdict = self.limits.meet(request, config, token=token)
        entry.limited = verdict.violated
        exchange = Exchange(request=request, place=place, config=config, entry=entry, verdict=verdict)
        if verdict.violated and config.rate_limit_enforced:
            entry.refused = "limit"
            return exchange, limits.refuse(verdict, config, time.time())
        refusal = None if token else self.auth.check(request, config.auth)
        entry.refused = "auth" if refusal else ""
        return exchange, refusal

    def _open(self, exchange: Exchange) -> Reply | None:
        """Take the idempotency key; return the answer that the key alone decides."""
        try:
            stored = self.keys.begin(exchange.request, exchange.config)
        except Refusal as refusal:
            return refusal.reply()
        exchange.entry.replayed = stored is not None
        return stored

    def _perform(self, exchange: Exchange) -> Reply:
        try:
            effect = self._dispatch(exchange)
        except Refusal as refusal:
            effect = Effect(reply=refusal.reply())
        entry = exchange.entry
        entry.applied, entry.ids = effect.applied, list(effect.ids)
        entry.id = entry.id or (effect.ids[0] if effect.ids and entry.kind == "object" else "")
        if effect.applied:
            entry.applied_at = time.time()
            self.keys.complete(exchange.request, exchange.config, effect.reply)
        else:
            self.keys.release(exchange.request, exchange.config)
        self.commit()
        return effect.reply

    def _dispatch(self, exchange: Exchange) -> Effect:
        request, place, config = exchange.request, exchange.place, exchange.config
        if exchange.entry.kind == "token":
            return Effect(reply=self.auth.token(request, config.auth))
        if not place.collection:
            raise Refusal(404, "not_found", "no collection is named")
        if config.trailing_slash == "redirect" and not request.path.endswith("/"):
            query = f"?{request.query}" if request.query else ""
            return Effect(reply=Reply(status=301, headers=(("Location", f"{request.path}/{query}"),)))
        if place.action == route.BULK:
            return self.bulk.serve(request, place, config)
        return self._verb(request, place, config)

    def _verb(self, request: Request, place: Place, config: Config) -> Effect:
        one = self.objects
        if place.action == route.DELETE:
            verbs = {"POST": one.delete}
        elif place.id:
            verbs = {"GET": one.read, "PUT": one.replace, "PATCH": one.update, "POST": one.update, "DELETE": one.delete}
        else:
            verbs = {"GET": self.listing.serve, "POST": one.create}
        verb = verbs.get("GET" if request.method == "HEAD" else request.method)
        if verb is not None:
            return verb(request, place, config)
        allow = ("Allow", ", ".join(verbs))
        if request.method == "OPTIONS":
            if config.fields and not place.id:
                return Effect(reply=json_reply(described(place.collection, config), 200, allow))
            return Effect(reply=Reply(status=204, headers=(allow,)))
        refusal = Refusal(405, "method_not_allowed", f"{request.method} is not served here")
        return Effect(reply=refusal.reply(allow))

    def _broken(self, exchange: Exchange, rule: Rule) -> Reply:
        """Serve a request that a fault meets."""
        if not rule.apply:
            self.stopping.wait(rule.delay_s)
            return self._spoiled(exchange, rule, Reply(body=b"{}"))
        with self.lock:
            decided = self._open(exchange)
        if decided is None and rule.do == "late":
            return self._late(exchange, rule)
        if self.stopping.wait(rule.delay_s):
            return Reply(status=0, manner="close")
        with self.lock:
            return self._spoiled(exchange, rule, decided or self._perform(exchange))

    def _spoiled(self, exchange: Exchange, rule: Rule, reply: Reply) -> Reply:
        with self.lock:
            held = self.store.collection(exchange.place.collection).items if exchange.place.collection else {}
            other = next((item_id for item_id in held if item_id not in exchange.entry.ids), "another")
            spoiled = spoil(rule, reply, exchange.request, other=other)
            if rule.params.get("sticky") and exchange.entry.applied:
                self.keys.complete(exchange.request, exchange.config, spoiled)
                self.commit()
            return self._finish(exchange, spoiled)

    def _late(self, exchange: Exchange, rule: Rule) -> Reply:
        """Answer nothing now, and apply the request later: the call that lands after its timeout."""
        timer = threading.Timer(rule.seconds, self._land, (exchange,))
        timer.daemon = True
        timer.start()
        with self.lock:
            return self._finish(exchange, spoil(rule, Reply(), exchange.request))

    def _land(self, exchange: Exchange) -> None:
        with self.lock:
            if self.stopping.is_set():
                return
            self._perform(exchange)
            if exchange.entry.applied:
                self.journal.amend(exchange.entry)

    def _finish(self, exchange: Exchange, reply: Reply) -> Reply:
        self.journal.finish(exchange.entry, reply.status)
        if exchange.config.rate_limit_headers and exchange.verdict.limit and not exchange.entry.refused:
            return replace(reply, headers=(*reply.headers, *limits.headers(exchange.verdict)))
        return reply
