"""Every message of the checks: its id, what it says, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

TAG = "crudsync"
_LEVELS = {"E": checks.ERROR, "W": checks.WARNING, "I": checks.INFO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: what it means, and its hint.

    ``deploy`` says that only ``manage.py check --deploy`` looks.
    """

    meaning: str
    hint: str
    deploy: bool = False


MESSAGES: dict[str, Message] = {
    "E001": Message(
        meaning="CRUDSYNC is no dict, or has a key that does not exist",
        hint="Correct the key; the settings reference lists them all.",
    ),
    "E002": Message(
        meaning="A value in CRUDSYNC is out of its range",
        hint="Durations and counts are above zero, shares lie between 0 and 1.",
    ),
    "E003": Message(
        meaning="An integrator's object types cannot be read",
        hint="Correct what set_object_types() returns.",
    ),
    "E004": Message(
        meaning="A base URL is no plain http or https URL: it holds credentials, spaces, a query or a fragment",
        hint="Give https://host/path/; credentials belong into auth= as a reference.",
    ),
    "E005": Message(
        meaning="A rate limit cannot be kept: limit, window or burst is not above zero, or burst exceeds the limit",
        hint="Give RateLimit(100, per=60), and a burst no larger than the limit.",
    ),
    "E006": Message(
        meaning="A registered model is written to another database than the tables of crudsync",
        hint="Route both to one database: a change must commit with its row.",
    ),
    "E007": Message(
        meaning="Required references between object types form a cycle, so none could ever be created first",
        hint="Make one of the foreign keys nullable, or leave it out of the mapping.",
    ),
    "E008": Message(
        meaning="MySQL or MariaDB runs under REPEATABLE READ",
        hint="Set OPTIONS['isolation_level'] = 'read committed' for this database.",
    ),
    "E009": Message(
        meaning="A registered model's primary key may be longer than the 200 characters that name an object",
        hint="Give the model a shorter key, and send the long one as a field.",
    ),
    "E010": Message(
        meaning="A channel of CRUDSYNC['alert_channels'] is wrong: an unknown kind, a missing option, or a strange one",
        hint="Give {'kind': 'slack', 'url': 'env:SLACK_WEBHOOK'}; the alerts page shows each kind.",
    ),
    "E011": Message(
        meaning="USE_TZ is off: times of the database's clock have a zone, and those of its rows would have none",
        hint="Set USE_TZ = True, Django's default.",
    ),
    "E020": Message(
        meaning="An object type asks for capture by trigger where that cannot be; capture in Python goes on",
        hint="Use PostgreSQL, install django-crudsync[postgres], add 'pgtrigger' to INSTALLED_APPS; or omit capture.",
    ),
    "W001": Message(
        meaning="A reference to a secret names nothing in this process",
        hint="Set it wherever workers run; a connection's own credentials go without it.",
    ),
    "W002": Message(
        meaning="CRUDSYNC['integrators'] speaks of an integrator that is not registered",
        hint="Correct the name, or register the integrator in an integrators.py of an installed app.",
    ),
    "W003": Message(
        meaning="An integrator stores tokens, and there is no usable encryption key to seal them with",
        hint="Set CRUDSYNC['encryption_keys'] to a list of references such as env:CRUDSYNC_KEY.",
    ),
    "W004": Message(
        meaning="An encryption key names nothing in this process, or is no Fernet key: sealed credentials stay shut",
        hint="Make one with cryptography.fernet.Fernet.generate_key(), and set it wherever workers run.",
    ),
    "W010": Message(
        meaning="A remote is called over http://, so credentials and data can be read on the way",
        hint="Use https://.",
        deploy=True,
    ),
    "W011": Message(
        meaning="A secret stands in the code of an integrator",
        hint="Put a reference there, env:NAME or setting:PATH, and change the secret.",
        deploy=True,
    ),
    "W012": Message(
        meaning="No Celery app is configured in this process: doorbells reach nobody",
        hint="Create a Celery app and import it in the project's __init__.py, as Celery's Django guide shows.",
        deploy=True,
    ),
    "W013": Message(
        meaning="Tasks are acknowledged late: with Redis as broker they can run twice, and a worker can end with it",
        hint="Leave CELERY_TASK_ACKS_LATE off, and set acks_late on the tasks that need it.",
        deploy=True,
    ),
    "W014": Message(
        meaning="Workers prefetch: a doorbell can wait behind a long task of its worker while others are idle",
        hint="Set CELERY_WORKER_DISABLE_PREFETCH = True (Redis) or CELERY_WORKER_PREFETCH_MULTIPLIER = 1.",
        deploy=True,
    ),
    "W015": Message(
        meaning="Workers give up on the broker after some retries, and then consume nothing",
        hint="Set CELERY_BROKER_CONNECTION_MAX_RETRIES = None.",
        deploy=True,
    ),
    "W016": Message(
        meaning="Redis is the result backend: while it is away, .delay() in a web request hangs for many seconds",
        hint="Use django-db (django-celery-results), or ignore results.",
        deploy=True,
    ),
    "W017": Message(
        meaning="Nothing schedules the sweep, so a lost doorbell or a retry waits for the next save",
        hint="Add CELERY_BEAT_SCHEDULE |= schedule(), with from sync import schedule, and run beat.",
        deploy=True,
    ),
    "W018": Message(
        meaning="A create whose answer is lost is sent again where the remote cannot tell: it may be doubled",
        hint="Give the type idempotency, external_id, natural_key or client_id, or say on_uncertain='hold'.",
        deploy=True,
    ),
    "W019": Message(
        meaning="CRUDSYNC['allow_networks'] opens every address, or those where clouds keep the machine's credentials",
        hint="Name the networks that your remotes are in, such as 10.20.0.0/16.",
        deploy=True,
    ),
    "W020": Message(
        meaning="An integrator asks for TLS without verification; the wish is not granted",
        hint="Take it out; for a private authority add its certificate to the CA bundle that requests uses.",
        deploy=True,
    ),
    "W021": Message(
        meaning="The certificate of the limiter's Redis is not verified",
        hint="Take ssl_cert_reqs out of the URL, or say ssl_cert_reqs=required.",
        deploy=True,
    ),
    "W022": Message(
        meaning="A trigger that captures is missing, outdated, disabled or left over; looked for with --database alone",
        hint="Run manage.py crudsync_triggers install, after migrate.",
    ),
    "W023": Message(
        meaning="A channel's address or secret, or the token of monitoring, stands in the settings' code",
        hint="Put a reference there, env:NAME or setting:PATH, and change the secret.",
        deploy=True,
    ),
    "W025": Message(
        meaning="The API is in use, and an application is missing that its document or its page needs",
        hint="Add it to INSTALLED_APPS; it came with django-crudsync[api].",
    ),
    "W026": Message(
        meaning="The tables of crudsync are in a database that it was never run on: neither PostgreSQL nor SQLite",
        hint="Use PostgreSQL; what other databases do with it nobody has seen.",
    ),
    "W030": Message(
        meaning="CRUDSYNC['traces'] is on, and OpenTelemetry is not installed: there are no spans",
        hint="Install django-crudsync[otel], or leave traces off.",
    ),
    "I001": Message(
        meaning="An object type declares no fields, so the model's own go out",
        hint="Declare fields=[...] to say which.",
        deploy=True,
    ),
    "I002": Message(
        meaning="A create whose answer is lost is held for a person: the remote offers no way to tell",
        hint="Give the type idempotency, external_id, natural_key or client_id where the remote has one of them.",
        deploy=True,
    ),
    "I003": Message(
        meaning="The project has a tasks package of its own: the one of crudsync is loaded as crudsync_tasks",
        hint="Nothing is missing: from sync import schedule works all the same.",
        deploy=True,
    ),
    "I020": Message(
        meaning="There are ways to write a registered model, or what its payload reads, that capture does not see",
        hint="Use SyncQuerySet or capture='trigger'; after such a write, sync_touch(queryset).",
        deploy=True,
    ),
}


def message(number: str, text: str, *, obj: Any = None, hint: str = "") -> CheckMessage:
    """Return a check's message.

    Args:
        number: a key of ``MESSAGES``.
        text: one sentence about this case.
        obj: what it is about.
        hint: in place of the message's own.
    """
    return CheckMessage(_LEVELS[number[0]], text, hint or MESSAGES[number].hint, obj=obj, id=f"{TAG}.{number}")
