"""``manage.py crudsync_replay``: list dead letters by cause, replay them, or ignore them."""

from __future__ import annotations

import datetime as dt
import json
from argparse import ArgumentParser
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sync import deadletters
from sync.deadletters import Group
from sync.deadletters.choose import Filter
from sync.exceptions import CrudSyncError
from sync.management.choose import connections, failed
from sync.management.following import follow
from sync.management.progress import Bar
from sync.management.quiet import JsonCommand
from sync.models import Binding, Cause
from sync.models.database import alias
from sync.monitoring.standing import shown

CHOICES = ("cause", "binding", "integrator", "connection", "object_type", "code", "status", "field", "since")


class Command(JsonCommand):
    """Ask for dead letters again as they are today; workers send them, behind everything else."""

    help = (
        "List dead letters by cause (--list), or replay those that are named: workers send today's state, behind "
        "everything else and within the limit. With --ignore they leave the default lists instead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--list", action="store_true", help="only show the causes, and how many objects each holds")
        parser.add_argument("--cause", type=int, help="only letters of this cause, by its number in the list")
        parser.add_argument("--binding", type=int, help="only this one, by its number in the admin")
        parser.add_argument("--integrator", default="", help="only there")
        parser.add_argument("--connection", default="", help="only under accounts of this name")
        parser.add_argument("--object-type", default="", help="only objects of this type")
        parser.add_argument("--code", default="", help="only causes with this code")
        parser.add_argument("--status", type=int, help="only causes with this HTTP status")
        parser.add_argument("--field", default="", help="only causes that name this field")
        parser.add_argument("--since", default="", metavar="TIME", help="only objects unsent since then, or later")
        parser.add_argument("--all", action="store_true", help="all of them, where nothing else is named")
        parser.add_argument("--ignored", action="store_true", help="those that are ignored, not those that are open")
        parser.add_argument("--ignore", action="store_true", help="do not replay: ignore them; needs --reason")
        parser.add_argument("--unignore", action="store_true", help="do not replay: open ignored ones again")
        parser.add_argument("--arrived", default="", metavar="REMOTE_ID", help="of a doubt: it arrived under this id")
        parser.add_argument("--never-arrived", action="store_true", help="of a doubt: it never did; create it again")
        parser.add_argument("--watch", action="store_true", help="stay until workers have sent it")
        parser.add_argument("--reason", default="", help="shown in the history, or beside what is ignored")
        parser.add_argument("--actor", default="", help="shown likewise")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--json", action="store_true", help="one JSON object; with --watch more, one a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the five."""
        if options["ignore"] and options["unignore"]:
            raise CommandError("--ignore and --unignore are two things")
        try:
            if options["list"]:
                self._list(options)
                return
            if options["arrived"] or options["never_arrived"]:
                self._end_doubt(options)
                return
            if not options["all"] and all(options[name] in ("", None) for name in CHOICES):
                raise CommandError("say which: --cause, --integrator, --code …, or --all (see --list)")
            self._act(options)
        except CrudSyncError as error:
            raise failed(error) from error

    def _list(self, options: dict[str, Any]) -> None:
        found = deadletters.groups(
            integrator=options["integrator"],
            code=options["code"],
            status_code=options["status"],
            field=options["field"],
            ignored=options["ignored"],
        )
        if options["json"]:
            self._tell({"causes": [asdict(group) for group in found]})
            return
        for group in found:
            self._group(group)
        if not found:
            self.stdout.write(self.style.SUCCESS("no dead letters"))

    def _group(self, group: Group) -> None:
        parts = (group.code, str(group.status_code or ""), group.field, group.message)
        what = " ".join(part for part in parts if part)
        held = [f"{shown(group.open)} open"] + ([f"{shown(group.ignored)} ignored"] if group.ignored else [])
        self.stdout.write(self.style.WARNING(f"{group.id}  {group.integrator}: {what}"))
        since = f"first {group.first_seen:%Y-%m-%d %H:%M}, last {group.last_seen:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"  {', '.join(held)}; came up {group.count} times; {since}")

    def _end_doubt(self, options: dict[str, Any]) -> None:
        if options["binding"] is None or (options["arrived"] and options["never_arrived"]):
            raise CommandError("say of which --binding, and one of --arrived and --never-arrived")
        row = Binding.objects.using(alias()).filter(pk=options["binding"]).first()
        told = row and deadletters.end_doubt(row, remote_id=options["arrived"] or None, actor=options["actor"])
        if row is None or not told:
            raise CommandError(f"binding {options['binding']} is not in doubt, or another object has that remote id")
        self._say({"ended": row.pk}, "noted; a worker goes on from there", options)
        self._watch([row.connection_id], options)

    def _act(self, options: dict[str, Any]) -> None:
        what, chosen = _what(options), _chosen(options)
        if options["dry_run"]:
            letters = deadletters.letters(what, **chosen).count()
            self._say({"letters": letters}, f"{letters} letters", options)
        elif options["ignore"]:
            ignored = deadletters.ignore(what, reason=options["reason"], actor=options["actor"], **chosen)
            self._say({"ignored": ignored}, f"{ignored} ignored", options)
        elif options["unignore"]:
            opened = deadletters.unignore(what, **chosen)
            self._say({"opened": opened}, f"{opened} open again", options)
        else:
            self._replay(what, chosen, options)

    def _replay(self, what: Binding | Cause | None, chosen: Filter, options: dict[str, Any]) -> None:
        reason = options["reason"] or "crudsync_replay"
        bar, letters = Bar(self.stdout), deadletters.letters(what, **chosen)
        ids = set(letters.order_by().values_list("connection_id", flat=True).distinct()) if options["watch"] else set()
        total = letters.count() if bar.terminal and not options["json"] else 0

        def tell(seen: int) -> None:
            if total:
                bar.tell(f"{seen} of {total} letters", seen / total)

        done = deadletters.replay(what, actor=options["actor"], reason=reason, on_progress=tell, **chosen)
        bar.end()
        told = {"asked": done.asked, "left": {"in_doubt": done.in_doubt, "under_way": done.under_way}}
        self._say(told, f"{done.asked} asked for", options)
        if done.in_doubt and not options["json"]:
            self.stdout.write(
                f"{done.in_doubt} left: nobody knows whether their create arrived, and sending it again could double "
                "them. Look at the remote, and say so in the admin, or by --arrived or --never-arrived."
            )
        if done.under_way and not options["json"]:
            self.stdout.write(f"{done.under_way} left: they are to be sent already")
        self._watch(ids, options)

    def _watch(self, ids: Collection[int], options: dict[str, Any]) -> None:
        if options["watch"]:
            rows = [row for row in connections() if row.pk in ids]
            follow(self.stdout, rows, as_json=options["json"])

    def _say(self, told: dict[str, Any], line: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self._tell(told)
        else:
            self.stdout.write(self.style.SUCCESS(line))

    def _tell(self, told: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder))


def _what(options: dict[str, Any]) -> Binding | Cause | None:
    if options["binding"] is not None:
        letter = Binding.objects.using(alias()).filter(pk=options["binding"], cause__isnull=False).first()
        if letter is None:
            raise CommandError(f"binding {options['binding']} is no dead letter")
        return letter
    if options["cause"] is None:
        return None
    cause = Cause.objects.using(alias()).filter(pk=options["cause"]).first()
    if cause is None:
        raise CommandError(f"there is no cause {options['cause']} (see --list)")
    return cause


def _chosen(options: dict[str, Any]) -> Filter:
    return {
        "integrator": options["integrator"],
        "connection": options["connection"],
        "object_type": options["object_type"],
        "code": options["code"],
        "status_code": options["status"],
        "field": options["field"],
        "since": _since(options["since"]),
        "ignored": options["ignored"] or options["unignore"],
    }


def _since(text: str) -> dt.datetime | None:
    """Return a time as it was written, in the site's time zone where it names none."""
    if not text:
        return None
    try:
        at = parse_datetime(text) or dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--since {text}: write it as 2026-05-03 or 2026-05-03T14:00") from error
    return at if timezone.is_aware(at) else timezone.make_aware(at)
