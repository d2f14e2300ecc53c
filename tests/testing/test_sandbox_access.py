from __future__ import annotations

import hashlib
import hmac
import threading
import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from sync.exceptions import Refused

# --- who may call ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "headers", "status"),
    [
        ({"bearer": ["t1", "t2"]}, {"Authorization": "Bearer t2"}, 200),
        ({"bearer": ["t1"]}, {"Authorization": "Bearer t"}, 401),
        ({"bearer": ["t1"]}, {}, 401),
        ({"bearer": ["t1"]}, {"Authorization": "Basic t1"}, 401),
        ({"api_key": {"header": "X-Key", "keys": ["k"]}}, {"X-Key": "k"}, 200),
        ({"api_key": {"header": "X-Key", "keys": ["k"]}}, {"X-Key": "no"}, 401),
        ({"api_key": {"keys": ["k"]}}, {"X-Api-Key": "k"}, 200),
        ({"basic": {"ada": "pw:1"}}, {"Authorization": "Basic YWRhOnB3OjE="}, 200),
        ({"basic": {"ada": "pw"}}, {"Authorization": "Basic YWRhOm5v"}, 401),
        ({"basic": {"ada": "pw"}}, {"Authorization": "Basic !!!"}, 401),
        ({"bearer": ["t1"], "basic": {"ada": "pw:1"}}, {"Authorization": "Basic YWRhOnB3OjE="}, 200),
    ],
)
def test_credentials_open_or_not(start, auth, headers, status):
    client = start(auth=auth)
    answer = client("GET", "/products", headers=headers)
    assert answer.status_code == status
    assert client.remote.journal()[0].refused == ("" if status == 200 else "auth")
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)


def test_a_refused_write_is_not_applied(start):
    client = start(auth={"bearer": ["t"]})
    assert client("POST", "/products", {}).status_code == 401
    assert client.remote.objects("products") == []


def test_the_side_door_is_open(start):
    assert start(auth={"bearer": ["t"]}).remote.objects("products") == []


def test_credentials_are_not_in_the_journal_unless_that_is_asked_for(start):
    client = start(auth={"bearer": ["canary-1"]}, journal_auth=False)
    headers = {"Authorization": "Bearer canary-1", "X-Api-Key": "canary-2", "Cookie": "canary-3"}
    client("GET", "/products", headers=headers)
    assert "canary" not in str(client.remote.call("GET", "/__journal__"))
    assert "canary" not in str(client.remote.configure())
    client.remote.configure(journal_auth=True)
    client("GET", "/products", headers=headers)
    assert client.remote.journal()[-1].headers["authorization"] == "Bearer canary-1"


OAUTH = {"oauth": {"clients": {"me": "pw"}, "refresh_tokens": ["first"]}}
ME = {"client_id": "me", "client_secret": "pw"}


def ask(client, **form):
    return client("POST", "/oauth/token", data=form)


def reads(client, token):
    return client("GET", "/products", headers={"Authorization": f"Bearer {token}"}).status_code


def test_client_credentials_get_a_token_that_opens(start):
    client = start(auth=OAUTH)
    answer = ask(client, grant_type="client_credentials", **ME).json()
    assert answer["expires_in"] == 3600
    assert reads(client, answer["access_token"]) == 200
    assert reads(client, "another") == 401


def test_client_credentials_may_come_as_basic_or_as_json(start):
    client = start(auth=OAUTH)
    assert client("POST", "/oauth/token", {"grant_type": "client_credentials", **ME}).status_code == 200
    form = {"grant_type": "client_credentials"}
    assert client("POST", "/oauth/token", data=form, auth=("me", "pw")).status_code == 200
    assert client("POST", "/oauth/token", data=form, auth=("me", "no")).json() == {"error": "invalid_client"}


@pytest.mark.parametrize("body", ["[]", "{"])
def test_a_token_request_without_sense_is_refused(start, body):
    client = start(auth=OAUTH)
    headers = {"Content-Type": "application/json"}
    assert client("POST", "/oauth/token", data=body, headers=headers).status_code in (400, 401)


def test_an_unknown_grant_is_refused(start):
    assert ask(start(auth=OAUTH), grant_type="magic", **ME).json() == {"error": "unsupported_grant_type"}


def test_there_is_no_token_endpoint_unless_it_was_configured(client):
    assert ask(client, grant_type="client_credentials").status_code == 404


def test_a_used_refresh_token_is_dead(start):
    client = start(auth=OAUTH)
    first = ask(client, grant_type="refresh_token", refresh_token="first", **ME).json()
    assert reads(client, first["access_token"]) == 200
    assert ask(client, grant_type="refresh_token", refresh_token="first", **ME).json() == {"error": "invalid_grant"}
    second = ask(client, grant_type="refresh_token", refresh_token=first["refresh_token"], **ME)
    assert second.status_code == 200
    assert ask(client, grant_type="refresh_token", refresh_token=first["refresh_token"], **ME).status_code == 400


def test_a_refresh_token_lives_on_without_rotation(start):
    client = start(auth={"oauth": {**OAUTH["oauth"], "rotate": False}})
    for _ in range(2):
        answer = ask(client, grant_type="refresh_token", refresh_token="first", **ME)
        assert answer.json()["refresh_token"] == "first"


def test_a_token_can_be_short_lived(start):
    client = start(auth={"oauth": {"ttl_s": 0.2}})
    answer = ask(client, grant_type="client_credentials").json()
    assert answer["expires_in"] == 0.2
    assert reads(client, answer["access_token"]) == 200
    client.remote.wait(lambda: reads(client, answer["access_token"]) == 401, timeout_s=5)


def test_tokens_can_be_revoked(start):
    client = start(auth=OAUTH)
    token = ask(client, grant_type="client_credentials", **ME).json()["access_token"]
    client.remote.revoke_tokens()
    assert reads(client, token) == 401


def test_token_requests_are_counted_without_their_secrets(start):
    client = start(auth=OAUTH)
    ask(client, grant_type="client_credentials", **ME)
    reads(client, "x")
    found = client.remote.journal(kind="token")
    assert [(entry.method, entry.status, entry.body) for entry in found] == [("POST", 200, "***")]


# --- rate limits -----------------------------------------------------------------------------------------------------


def limited(client, count=4):
    return [client("GET", "/products").status_code for _ in range(count)]


def test_more_calls_than_the_limit_get_429(start):
    client = start(rate_limits=[{"limit": 2, "per": 60}])
    assert limited(client) == [200, 200, 429, 429]
    answer = client("GET", "/products")
    assert 55 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.json()["error"]["code"] == "rate_limited"
    entries = client.remote.journal()
    assert [entry.refused for entry in entries] == ["", "", "limit", "limit", "limit"]
    assert [entry.limited for entry in entries] == [False, False, True, True, True]


def test_room_comes_back_when_the_window_has_passed(start):
    client = start(rate_limits=[{"limit": 2, "per": 0.3}])
    assert limited(client, 3) == [200, 200, 429]
    client.remote.wait(lambda: limited(client, 1) == [200], timeout_s=5)
    assert client.remote.windows(2, 0.3, applied=False).calls >= 4


def test_passive_limits_only_record(start):
    client = start(rate_limits=[{"limit": 2, "per": 60}], rate_limit_enforced=False)
    assert limited(client) == [200, 200, 200, 200]
    assert [entry.limited for entry in client.remote.journal()] == [False, False, True, True]


@pytest.mark.parametrize(("form", "told"), [("garbage", "soon"), ("absurd", "31536000000"), ("none", None)])
def test_retry_after_can_be_of_little_use(start, form, told):
    client = start(rate_limits=[{"limit": 1, "per": 60}], retry_after=form)
    limited(client, 1)
    assert client("GET", "/products").headers.get("Retry-After") == told


def test_retry_after_can_be_a_date(start):
    client = start(rate_limits=[{"limit": 1, "per": 60}], retry_after="date")
    limited(client, 1)
    at = parsedate_to_datetime(client("GET", "/products").headers["Retry-After"]).timestamp()
    assert 55 < at - time.time() <= 61


def test_a_limit_can_concern_a_method_or_a_path(start):
    rules = [{"limit": 1, "per": 60, "methods": ["POST"]}, {"limit": 1, "per": 60, "path": "^/contacts"}]
    client = start(rate_limits=rules)
    assert [client("POST", "/products", {}).status_code for _ in range(2)] == [201, 429]
    assert limited(client, 3) == [200, 200, 200]
    assert [client("GET", "/contacts").status_code for _ in range(2)] == [200, 429]


def test_two_limits_of_one_name_share_a_window(start):
    shared = {"limit": 2, "per": 60, "name": "api"}
    client = start(rate_limits=[{**shared, "methods": ["GET"]}, {**shared, "methods": ["DELETE"]}])
    client("DELETE", "/products/1")
    assert limited(client, 2) == [200, 429]


def test_token_requests_take_room_only_where_a_limit_names_their_path(start):
    client = start(auth={"oauth": {}}, rate_limits=[{"limit": 1, "per": 60}])
    assert [ask(client, grant_type="client_credentials").status_code for _ in range(2)] == [200, 200]
    client.remote.configure(rate_limits=[{"limit": 1, "per": 60, "path": "oauth"}])
    assert [ask(client, grant_type="client_credentials").status_code for _ in range(2)] == [200, 429]


def test_headers_tell_a_client_where_it_stands(start):
    client = start(rate_limits=[{"limit": 2, "per": 60}], rate_limit_headers=True)
    first = client("GET", "/products").headers
    assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("2", "1")


# --- idempotency keys ------------------------------------------------------------------------------------------------


def create(client, key, body=None, **options):
    return client("POST", "/products", body or {"name": "Lamp"}, headers={"Idempotency-Key": key}, **options)


def test_a_key_that_came_before_gets_the_same_answer_and_creates_nothing(start):
    client = start(idempotency=True)
    first, second = create(client, "k1"), create(client, "k1")
    assert first.content == second.content
    assert second.status_code == 201
    assert len(client.remote.objects("products")) == 1
    entries = client.remote.calls("products", "POST")
    assert [(entry.key, entry.applied, entry.replayed) for entry in entries] == [
        ("k1", True, False),
        ("k1", False, True),
    ]


def test_another_key_creates_another_object(start):
    client = start(idempotency=True)
    create(client, "k1")
    create(client, "k2")
    assert len(client.remote.objects("products")) == 2


def test_keys_are_ignored_unless_that_is_switched_on(client):
    create(client, "k1")
    create(client, "k1")
    assert len(client.remote.objects("products")) == 2
    assert client.remote.journal()[0].key == "k1"


def test_the_same_key_with_another_body_gets_422(start):
    client = start(idempotency=True)
    create(client, "k1")
    answer = create(client, "k1", {"name": "Chair"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_a_key_expires(start):
    client = start(idempotency=True, idempotency_ttl_s=0.1)
    create(client, "k1")
    client.remote.wait(lambda: not create(client, "k1") or len(client.remote.objects("products")) == 2, timeout_s=5)


def test_the_header_can_have_another_name(start):
    client = start(idempotency=True, idempotency_header="X-Request-Key")
    for _ in range(2):
        client("POST", "/products", {}, headers={"X-Request-Key": "k"})
    assert len(client.remote.objects("products")) == 1


def test_a_key_is_in_use_while_the_first_request_is_under_way(start):
    client = start(idempotency=True)
    client.remote.fault("delay", seconds=0.5, times=1)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(requests.post(**_post(client, "k1"))))
    thread.start()
    client.remote.wait(client.remote.journal)
    second = create(client, "k1")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    thread.join(5)
    assert answers[0].status_code == 201
    assert create(client, "k1").json()["id"] == answers[0].json()["id"]


def _post(client, key):
    headers = {"Idempotency-Key": key}
    return {"url": f"{client.url}/products", "json": {"name": "Lamp"}, "headers": headers, "timeout": 5}


def test_a_key_is_in_use_until_a_late_request_has_landed(start):
    client = start(idempotency=True)
    client.remote.fault("late", seconds=0.3, then="close", times=1)
    with pytest.raises(requests.ConnectionError):
        create(client, "k1")
    assert create(client, "k1").status_code == 409
    client.remote.wait(lambda: create(client, "k1").status_code == 201, timeout_s=5)
    assert len(client.remote.objects("products")) == 1


def test_a_request_that_was_refused_leaves_its_key_free(start):
    client = start(idempotency=True, invalid={"name": ["bad"]})
    assert create(client, "k1", {"name": "bad"}).status_code == 422
    assert create(client, "k1", {"name": "good"}).status_code == 201


@pytest.mark.parametrize("do", ["status", "reset"])
def test_a_request_that_was_never_applied_leaves_its_key_free(start, do):
    client = start(idempotency=True)
    client.remote.fault(do, times=1)
    try:
        create(client, "k1")
    except requests.ConnectionError:
        assert do == "reset"
    assert create(client, "k1").status_code == 201
    assert len(client.remote.objects("products")) == 1


def test_an_answer_lost_after_applying_is_given_to_the_replay(start):
    client = start(idempotency=True)
    client.remote.fault("reset_after", times=1)
    with pytest.raises(requests.ConnectionError):
        create(client, "k1")
    assert create(client, "k1").json()["id"] == client.remote.objects("products")[0]["id"]


def test_an_error_after_applying_can_be_what_the_replay_gets_too(start):
    client = start(idempotency=True)
    client.remote.fault("status_after", status=500, times=1, sticky=True)
    assert [create(client, "k1").status_code for _ in range(3)] == [500, 500, 500]
    assert len(client.remote.objects("products")) == 1


# --- webhooks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def hooked(start):
    """A sandbox whose events go to another sandbox, and that one."""
    receiver = start()

    def run(**hook):
        sender = start(webhooks=[{"url": f"{receiver.url}/events", "secret": "s3cret", **hook}])
        return sender, receiver

    return run


def events(receiver, count):
    receiver.remote.wait(lambda: len(receiver.remote.calls("events")) >= count, timeout_s=5)
    return receiver.remote.calls("events")


def test_every_change_is_an_event(hooked):
    sender, receiver = hooked()
    sender("PUT", "/products/1", {"n": 1})
    sender("PATCH", "/products/1", {"n": 2})
    sender("DELETE", "/products/1")
    told = [entry.data for entry in events(receiver, 3)]
    assert [event["type"] for event in told] == ["products.created", "products.updated", "products.deleted"]
    assert [event["data"]["object"]["n"] for event in told] == [1, 2, 2]
    assert len({event["id"] for event in told}) == 3


def test_an_event_is_signed_as_stripe_does(hooked):
    sender, receiver = hooked()
    sender("PUT", "/products/1", {})
    entry = events(receiver, 1)[0]
    signed = dict(part.split("=") for part in entry.headers["sandbox-signature"].split(","))
    expected = hmac.new(b"s3cret", f"{signed['t']}.{entry.body}".encode(), hashlib.sha256).hexdigest()
    assert signed["v1"] == expected
    assert abs(int(signed["t"]) - time.time()) < 60


def test_changes_at_the_remotes_own_side_are_events_too(hooked):
    sender, receiver = hooked(header="Stripe-Signature")
    made = sender.remote.add("products", n=1)
    sender.remote.edit("products", made["id"], n=2)
    sender.remote.remove("products", made["id"])
    told = events(receiver, 3)
    assert [entry.data["type"].split(".")[1] for entry in told] == ["created", "updated", "deleted"]
    assert "stripe-signature" in told[0].headers
    assert sender.remote.journal() == []


def test_only_the_events_that_are_wanted_are_sent(hooked):
    sender, receiver = hooked(events=["products.updated", "contacts.*"])
    sender("PUT", "/products/1", {})
    sender("PATCH", "/products/1", {})
    sender("PUT", "/contacts/1", {})
    assert [entry.data["type"] for entry in events(receiver, 2)] == ["products.updated", "contacts.created"]


def test_an_event_can_come_more_than_once(hooked):
    sender, receiver = hooked(copies=3)
    sender("PUT", "/products/1", {})
    assert len({entry.data["id"] for entry in events(receiver, 3)}) == 1


def test_an_event_that_was_not_taken_is_sent_again(hooked):
    sender, receiver = hooked()
    receiver.remote.fault("status", status=500, times=1)
    sender("PUT", "/products/1", {})
    assert [entry.status for entry in events(receiver, 2)] == [500, 201]
    sender.remote.wait(lambda: sender.remote.webhooks()[0]["done"])
    assert sender.remote.webhooks()[0]["tries"] == 2


def test_an_event_is_given_up_after_its_retries(start):
    client = start(webhooks=[{"url": "http://127.0.0.1:9/", "retries": 1}])
    client("PUT", "/products/1", {})
    client.remote.wait(lambda: client.remote.webhooks()[0]["done"], timeout_s=5)
    assert client.remote.webhooks()[0]["tries"] == 2
    assert client.remote.webhooks()[0]["status"] == 0
    assert client.remote.webhooks()[0]["error"]


def test_a_refused_change_is_no_event(hooked):
    sender, _ = hooked()
    sender.remote.configure(invalid={"n": [1]})
    sender("PUT", "/products/1", {"n": 1})
    assert sender.remote.webhooks() == []


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"idempotent": True},
        {"ids": "roman"},
        {"etags": "yes"},
        {"page_size": -1},
        {"page_size": True},
        {"unique": "email"},
        {"invalid": []},
        {"envelope": 7},
        {"rate_limits": [{"limit": 0, "per": 1}]},
        {"rate_limits": [{"limit": 1, "per": 1, "burst": 2}]},
        {"rate_limits": ["100/60"]},
        {"webhooks": [{"url": "ftp://x"}]},
        {"auth": {"magic": 1}},
        {"auth": {"bearer": "token"}},
        {"auth": {"basic": ["x"]}},
        {"collections": {"products": 7}},
        {"collections": {"products": {"ids": "roman"}}},
    ],
)
def test_an_option_without_sense_is_refused_and_changes_nothing(client, options):
    before = client.remote.configure()
    with pytest.raises(Refused) as caught:
        client.remote.configure(**options)
    assert caught.value.status_code == 422
    assert client.remote.configure() == before


def test_a_misspelt_option_gets_a_hint(client):
    with pytest.raises(Refused, match="did you mean 'idempotency'"):
        client.remote.configure(idempotence=True)
