"""What each stable code means, in plain words, and what a person does about it.

Complete: a test compares the table with every code in the source, and the errors reference with the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """What a code means and what to do about it, a sentence each; ``cure`` is empty where nothing need be done."""

    meaning: str
    cure: str = ""


STRANGE = Word("This version does not know the code: it is your own code's, or another version's.", "Read the detail.")

OBJECT: Mapping[str, Word] = {
    "data_constraint": Word("A value is one that set_data_constraints() forbids.", "Correct the row, and save it."),
    "hook_error": Word("A hook of your integrator raised.", "Read the worker's log; correct the hook or the row."),
    "hook_too_slow": Word(
        "Building the payload took longer than the time in which it may be sent.", "Make hooks fast."
    ),
    "payload": Word("A value of the row has no JSON form.", "Correct the row, or map the field with to=."),
    "no_payload": Word("There was nothing to send.", "Check the type's fields, or what set_data() returns."),
    "write_back": Word("What the remote answered does not fit a field here.", "Correct the map of that field."),
    "ping_pong": Word("Each send brought about the next, and nobody edited it.", "See what changes it, here or there."),
    "crash_loop": Word("Its worker ended each time while it was in hand alone.", "Find what kills it; then replay it."),
    "object": Word("This one object cannot be sent as it is.", "Correct the row, and save it."),
    "not_syncable": Word("It belongs to no registered model, or was not saved.", "Register its model, or save it."),
    "not_saved": Word("The object was not saved yet.", "Save it first."),
    "not_registered": Word("No integrator here registers its model.", "Name the model in set_object_types()."),
    "bad_id": Word("The id would lead to another path, or holds half a character.", "Correct the id."),
    "no_remote_id": Word("The object has no id at the remote yet.", "Let it be created first."),
    "no_key": Word("It has no value in the field it would be looked up by.", "Fill the natural key's fields."),
    "duplicate_key": Word("Two objects of a batch have the same key.", "Make the key unique, and save both."),
    "row_not_inserted": Word("The remote created it, but the row here could not be inserted.", "See the worker's log."),
    "row_not_removed": Word("The remote deleted it, but the row here could not be removed.", "See the worker's log."),
}
"""What is wrong with one object."""

ORDER: Mapping[str, Word] = {
    "waits_for_parent": Word("It refers to an object that the remote does not have yet; that one goes first."),
    "parent_held": Word("It refers to an object that is held.", "Mend the parent; this one follows by itself."),
    "parent_dead": Word("It refers to an object that is dead.", "Replay the parent; this one follows by itself."),
    "parent_in_doubt": Word(
        "It refers to an object held in doubt.", "Say what became of the parent; this one follows."
    ),
    "parent_absent": Word("It refers to an object that is not meant for the remote.", "Let the parent be synced."),
    "lookup_lag": Word("The remote may not list a created object yet; it is looked up a moment later."),
    "too_early": Word("An earlier write may land yet; it is looked at once more when that is over."),
    "lease_lost": Word("Its worker was too slow, and another had it in hand by then; it is read again to be sure."),
    "worker_lost": Word("The worker ended in the middle of this call: it may have been applied."),
    "left": Word("It was left at the remote on purpose when its row went: on_delete or on_leave is keep."),
    "newer_version": Word("A worker of an older version met what a newer one wrote.", "Restart all workers."),
    "nothing_to_do": Word("The remote already has what there is: nothing was sent."),
    "busy": Word("Another worker had it in hand.", "Try again later."),
    "drain_failed": Word("A worker's drain failed while it was in hand; it comes again.", "Read the worker's log."),
    "database_away": Word("The database was away while the row was read; it comes again."),
    "no_token": Word("No token of the rate limit was free in time; it comes again."),
}
"""What it waits for, or what is taken care of."""

DOUBT: Mapping[str, Word] = {
    "in_doubt": Word("Its create may have arrived, and the remote offers no way to tell.", "Look there, and say so."),
    "duplicate_remote": Word(
        "The remote object found for it belongs to another row.", "Decide which row it belongs to."
    ),
    "unlinked": Word("Somebody cut it off from its remote object.", "Save it to send it anew, or adopt another one."),
    "link_refused": Word("The tie to a remote object cannot be made, or cut, now.", "Read the message."),
    "not_bound": Word("It is bound to nothing at the remote.", "Adopt the object there, or let it be created."),
    "already_bound": Word("It is bound to another remote object.", "Unlink it first."),
    "taken": Word("Another row is bound to that remote object.", "Unlink that one first."),
    "no_row": Word("Its row is no longer here."),
    "not_in_scope": Word("It is not meant for that account.", "See sync_when and route() of its integrator."),
    "ambiguous": Word("Several remote objects have its natural key.", "Remove all but one there, then replay it."),
    "gone": Word("The remote no longer has it, and on_gone does not create it anew.", "Save or replay it to send it."),
    "id_changed": Word("The remote answered another id than was asked.", "Ask the remote's people; ours stays."),
    "no_id": Word("The answer to the create holds no usable id.", "Check id_path of the object type."),
    "lookup_mismatch": Word("The search answered with other objects.", "Check natural_key, and how it searches."),
    "already_gone": Word("It was gone at the remote already, which is what was asked."),
}
"""What became of it at the remote."""

ANSWERS: Mapping[str, Word] = {
    "refused": Word("The remote refused it as it is.", "Correct the row by what the answer says, and save it."),
    "errors_in_body": Word("The remote answered success with errors in the body.", "Correct the row by what it says."),
    "batch_refused": Word("The remote refused the batch; its objects are sent one by one."),
    "unauthorized": Word("The remote does not accept the credentials.", "Enter new ones on the connection's page."),
    "token_refused": Word("The token endpoint gives a token that the remote refuses.", "Renew the account's grant."),
    "token_endpoint": Word("The token endpoint does not give a token.", "Check client id, secret and refresh token."),
    "token_awaited": Word("Another worker was renewing the token; it comes again."),
    "forbidden": Word("The account may not do this.", "Check what the account may do at the remote."),
    "redirect": Word("The remote redirects writes, which is never followed.", "Set base_url to where it leads."),
    "not_found": Word("The remote has no such object or endpoint.", "Check the endpoint, or who removed it."),
    "conflict": Word("The remote has something under this key already.", "Look there what it is."),
    "key_in_use": Word("The remote is still working on the same idempotency key; it comes again."),
    "stale_version": Word("It was changed at the remote since; it is read, then sent again."),
    "throttled": Word("The remote asked for a pause (429).", "Let rate_limit be what the remote allows."),
    "unavailable": Word("The remote is unavailable for a time that it named.", "Wait; the gate opens by itself."),
    "server_error": Word("The remote failed (5xx); a write may have been applied."),
    "request_timeout": Word("The remote gave up waiting (408); it may have been applied."),
    "remote": Word("The remote, or the way to it, said no.", "Read the attempt's answer."),
    "unknown": Word("No usable answer came: it may have been applied."),
    "client_error": Word("The call failed in a way that is not known.", "Read the worker's log."),
    "no_answer": Word("The connection closed without an answer: it may have been applied."),
    "connection_lost": Word("The connection broke in the middle: it may have been applied."),
    "truncated": Word("The answer broke off: it may have been applied."),
    "deadline_exceeded": Word("The call took longer than timeout_s.", "Raise timeout_s where the remote needs longer."),
    "body_too_large": Word("The answer is larger than max_bytes.", "Raise max_bytes where such answers are meant."),
    "bad_body": Word("The answer is not what it says it is.", "Check that base_url leads to the API, not to a page."),
    "bad_headers": Word("The answer's head is not HTTP/1.1.", "Check what stands between here and the remote."),
    "bad_chunk": Word("The answer's chunks are broken.", "Check what stands between here and the remote."),
    "bad_encoding": Word("The answer is not in the encoding it names.", "Check what stands between here and it."),
}
"""What came back."""

WAY: Mapping[str, Word] = {
    "not_sent": Word("Nothing was sent: it is safe to repeat, and it comes again."),
    "name_not_resolved": Word("The host name has no address.", "Check the host name in base_url."),
    "name_timeout": Word("The host name was not resolved in time.", "Check the DNS of this machine."),
    "connect_failed": Word("The remote takes no connection.", "Check that it is up, and the port in base_url."),
    "connect_timeout": Word("The remote took no connection in time.", "Check that it is up, and the way to it."),
    "tls_failed": Word("The TLS handshake failed.", "Check the remote's certificate, and the name in base_url."),
    "tls_not_verified": Word("Certificates may not go unchecked.", "Give the CA bundle instead."),
    "bad_ca_bundle": Word("The CA bundle cannot be read.", "Check its path."),
    "address_refused": Word("The URL leads where this site must not call.", "Correct base_url, or allow_networks."),
    "shut": Word("The connection's gate is shut for now: nothing is asked.", "Look again when it opens."),
    "paused": Word("Somebody paused the connection: nothing is sent.", "Resume it."),
    "rate_limit_exceeded": Word("No token of the rate limit was free in time.", "Wait for the next one."),
    "limiter_unavailable": Word("The limiter's Redis does not answer: nothing is sent.", "Bring Redis back."),
    "limiter_not_configured": Word("The limiter has no Redis: nothing is sent.", "Set CRUDSYNC['redis_url']."),
}
"""The way to the remote."""

SETTINGS: Mapping[str, Word] = {
    "configuration": Word("The code or the settings are wrong; nothing was sent.", "Correct what the detail names."),
    "unknown_integrator": Word("No integrator of that name is registered.", "Register it, or correct the name."),
    "duplicate_integrator": Word("Two integrators have one name.", "Rename one of them."),
    "unknown_object_type": Word("The integrator has no such object type.", "Declare it in set_object_types()."),
    "unknown_connection": Word("There is no account of that name.", "Add it in the admin, under Connections."),
    "unknown_setting": Word("CRUDSYNC has no such key.", "Correct its name."),
    "unknown_option": Word("There is no such option.", "Correct its name."),
    "unknown_parent": Word("A map's via= names no object type of the integrator.", "Correct the map."),
    "unknown_retry_policy": Word("There is no retry policy of that name.", "Name one that there is."),
    "unknown_retry_key": Word("A retry policy has no such field.", "Correct its name."),
    "bad_setting": Word("A setting of CRUDSYNC has a value it cannot have.", "Correct it in the settings."),
    "bad_option": Word("An option has a value it cannot have.", "Correct it where the message says."),
    "bad_object_type": Word("An object type is declared wrongly.", "Correct set_object_types()."),
    "bad_constraint": Word("A constraint is declared wrongly.", "Correct set_data_constraints()."),
    "not_static": Word("A declaration needs an instance.", "Make the method a @staticmethod."),
    "bad_map": Word("A field is mapped wrongly.", "Correct the map."),
    "bad_rate_limit": Word("A rate limit cannot be kept as declared.", "Correct it."),
    "bad_rate_per": Word("A rate limit's window cannot be that long.", "Correct per."),
    "burst_over_limit": Word("A burst is above its limit.", "Lower burst."),
    "bad_limiter_share": Word("The setting limiter_local_share must be 0 to 1.", "Correct it."),
    "bad_retry_policy": Word("That is no retry policy.", "Name one, or give a RetryPolicy."),
    "bad_retry_attempts": Word("A retry policy's number is out of range.", "Correct it."),
    "bad_argument": Word("An argument is out of range.", "Correct it."),
    "bad_web_url": Word("The web_url is not the address of a page.", "Give https://host/path/{id}."),
    "bad_url": Word("The base_url, or a path, is none that can be called.", "Correct base_url or the endpoint."),
    "bad_header": Word("A header holds what no header may hold.", "Correct what sets it."),
    "bad_method": Word("The HTTP method is not a word.", "Correct methods of the object type."),
    "no_base_url": Word("The integrator has no base_url.", "Set it on the class, in the settings or the connection."),
    "credentials_in_url": Word("The base_url holds a user and password.", "Use auth= with a reference."),
    "no_bulk": Word("The type has no bulk endpoints.", "Declare bulk, or send one by one."),
    "bad_batch": Word("These calls are no batch of this type.", "Send objects of one type and verb."),
    "secret_missing": Word("A credential is named and not there.", "Set the variable, or enter it on the connection."),
    "secret_unreadable": Word("A sealed credential cannot be opened.", "Bring its key back into encryption_keys."),
    "no_encryption_key": Word("There is no key to seal credentials with.", "Set CRUDSYNC['encryption_keys']."),
    "bad_encryption_key": Word("An encryption key is no Fernet key.", "Make one with Fernet.generate_key()."),
    "connection_gone": Word("The account was removed meanwhile.", "Add it again, or leave it."),
}
"""The code and the settings of this site."""

CALLS: Mapping[str, Word] = {
    "error": Word("Something went wrong.", "Read the message."),
    "fault": Word("A fault that a test has armed."),
    "in_transaction": Word("The remote was called inside an open transaction.", "Call it in transaction.on_commit()."),
    "no_reason": Word("Capture was switched off without a reason.", "Say why: no_sync('…')."),
    "reason_missing": Word("Letters were to be ignored without a reason.", "Say why."),
    "pagination": Word("The listing loops, repeats or leaves its origin.", "Check paginator and items of the type."),
    "bad_cursor": Word("The listing's cursor is neither text nor a number.", "Check the paginator."),
    "bad_link": Word("The listing's next link is no URL.", "Check the paginator."),
    "other_origin": Word("The listing's next link leads to another host.", "Ask the remote's people."),
    "repeated_url": Word("The listing leads back to a page read before.", "Check the paginator."),
    "repeated_page": Word("The listing repeats a page.", "Check the paginator."),
    "empty_page": Word("The listing has an empty page with a next link.", "Check the paginator."),
    "too_many_pages": Word("The listing has more pages than allowed.", "Raise max_pages of the paginator."),
    "no_items": Word("The listing holds no list.", "Set items on the object type."),
}
"""What a caller of ours meets, and listings."""

CODES: Mapping[str, Word] = {**OBJECT, **ORDER, **DOUBT, **ANSWERS, **WAY, **SETTINGS, **CALLS}


def word(code: str) -> Word:
    """Return what a code means; of none that is known, that it is not."""
    return CODES.get(code, STRANGE)
