"""Helps the tool to reach more of the store than random values would.

It knows four things that are not in the OpenAPI document:

- values of the formats that are opaque to clients
- plausible values of the store's fields, which its rules accept
- a request that can be scheduled
- how a client reads its own write: it waits for the operation and sends its position
"""

import base64
import json
import random
import time

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# A position of a topic that no view reads, or of a topic that was deleted: 200 or 409.
positions = st.builds(
    "{topic}/{partition}@{sequence}#{identity}".format,
    topic=st.sampled_from(["other.topic.events", "ordering.order.events", "catalog.product.events"]),
    partition=st.integers(0, 7),
    sequence=st.integers(1, 1_000_000),
    identity=st.text("0123456789abcdef", min_size=8, max_size=8),
)
schemathesis.openapi.format("factline-position", positions.map(lambda text: "1" + encoded(text)))

# Only the `next` of a page of the same list is a cursor, and only the query of a `Location` is a
# hint. No such value can be made up, so only refusals of these parameters are tested.
for name in ["factline-cursor", "factline-hint"]:
    schemathesis.openapi.format(name, st.nothing())

# The tool makes up versions without their quotes.
schemathesis.openapi.format("factline-version-tag", st.integers(1, 2**63 - 1).map('"{}"'.format))

# An address is that of a resource of the store.
addresses = st.builds("{}/{}".format, st.sampled_from(["orders", "products", "checkouts", "schedules"]), st.uuids())
schemathesis.openapi.format("factline-resource", addresses)

# The address of a receiver must be a public one, and none may be reached from here: no host has one
# of these.
receivers = st.builds("https://[2d00::{:x}]/hook".format, st.integers(1, 0xFFFF))
schemathesis.openapi.format("factline-webhook-url", receivers)

CUSTOMER = "ada"
LINE = {"product_id": "tea", "name": "", "unit_price": {"amount": 0, "currency": ""}, "quantity": 0}

PRODUCT = {"name": "Tea", "brand": "Leaf", "price": {"amount": 450, "currency": "EUR"}}

# The operation of each resource that a command was about, by the resource's path.
operations = {}

# The request of each idempotency key.
keys = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    chance = random.Random(case.id)
    keep_one_version(case)
    if case.method == "GET":
        is_valid = not case.meta.is_negative_at(ParameterLocation.PATH)
        if case.path.startswith("/customers/") and is_valid and chance.random() < 0.5:
            case.path_parameters["id"] = CUSTOMER
        wait_for_own_write(case)
    elif is_free(case) and isinstance(case.body, dict) and chance.random() < 0.7:
        case.body = plausible(chance, case.body)
    if case.path == "/schedules" and case.method == "POST":
        send_a_command_later(case)
    keep_one_request(case)


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 202:
        accepted = response.json()
        operations[accepted["resource"]["href"]] = accepted["operation"]["href"]


def keep_one_version(case):
    """Leaves one of the headers for the expected version, because several must agree."""
    if case.method == "GET" or case.meta.is_negative_at(ParameterLocation.HEADER):
        return
    names = ["Factline-Expected-Version", "If-Match", "If-None-Match"]
    for name in [name for name in names if name in (case.headers or {})][1:]:
        del case.headers[name]


def keep_one_request(case):
    """Leaves a key out that another request has, because the store refuses it."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key is None or case.meta.is_negative_at(ParameterLocation.HEADER):
        return
    # The quoted form of a key is the same key.
    scope = (case.method, case.formatted_path, str(key).strip('"'))
    request = json.dumps(case.body, default=str)
    if keys.setdefault(scope, request) != request:
        del case.headers["Idempotency-Key"]


def is_free(case):
    """Returns whether the body is neither invalid on purpose nor at the limits of the schema."""
    return not case.meta.is_negative_at(ParameterLocation.BODY) and case.meta.phase.name.value != "coverage"


def send_a_command_later(case):
    """Schedules a request that the store accepts: the schema cannot say which paths are commands."""
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        case.body["request"] = {"method": "POST", "path": "/products", "body": PRODUCT}


def wait_for_own_write(case):
    """Sends the position of the resource's last operation, as a client does."""
    operation = operations.pop(case.formatted_path, None)
    if operation is None or case.meta.is_negative_at(ParameterLocation.HEADER):
        return
    origin = case.operation.base_url.rstrip("/")
    ended = time.monotonic() + 20
    while time.monotonic() < ended:
        state = requests.get(origin + operation, timeout=10).json()
        if state.get("success") is not None:
            if state["position"] is not None:
                case.headers["Factline-Position"] = state["position"]
            return
        time.sleep(0.02)


def plausible(chance, value, name=None):
    """Returns the value with fields that the store's rules accept."""
    if isinstance(value, dict):
        return {name: plausible(chance, member, name) for name, member in value.items()}
    if isinstance(value, list):
        value = value or [LINE] * (name == "lines")
        return [plausible(chance, item) for item in value]
    texts = {"customer_id": CUSTOMER, "currency": "USD", "name": "Tea", "brand": "Leaf", "method": "card-ok"}
    numbers = {"amount": (0, 5_000), "quantity": (1, 5), "payment_seconds": (1, 900)}
    if isinstance(value, str) and name in texts:
        return texts[name]
    if isinstance(value, (int, float)) and name in numbers:
        return chance.randint(*numbers[name])
    return value
