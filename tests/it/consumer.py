#!/usr/bin/env python3
"""A core-CRM consumer in another language: reads a queue with pika and holds every message against the contract.

    consumer.py --url amqp://... --queue crm.complaints --schemas DIR --count N [--timeout SECONDS]

Each message must be a CloudEvents 1.0 envelope whose AMQP properties say the same as its body, and must be valid
against the JSON Schema of its type: DIR/<type>.json (for instance complaint.received.v1.json) or else DIR/event.json.
Schemas may refer to each other by $id or by file name. A message that fails stays in the queue.

Exit: 0 all valid, 1 a message broke the contract or too few came, 2 the schemas or the broker cannot be used.
"""

import argparse
import json
import pathlib
import sys

import jsonschema
import pika
import referencing
from referencing.jsonschema import DRAFT202012

CONTENT_TYPE = "application/cloudevents+json"
PERSISTENT = 2


class Broken(Exception):
    """A message broke the contract."""


def load(folder):
    files = sorted(pathlib.Path(folder).glob("*.json"))
    if not files:
        fail(2, f"no schema (*.json) in {folder}")
    schemas = {file.name: json.loads(file.read_text()) for file in files}
    registry = referencing.Registry()
    for name, schema in schemas.items():
        resource = referencing.Resource.from_contents(schema, default_specification=DRAFT202012)
        registry = registry.with_resource(name, resource)
        if "$id" in schema:
            registry = registry.with_resource(schema["$id"], resource)
    validators = {}
    for name, schema in schemas.items():
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        validators[name] = kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER)
    return validators


def check(method, properties, body, validators):
    if properties.content_type != CONTENT_TYPE:
        raise Broken(f"content_type is {properties.content_type!r}, not {CONTENT_TYPE!r}")
    if properties.delivery_mode != PERSISTENT:
        raise Broken(f"delivery_mode is {properties.delivery_mode!r}, so a broker restart would lose it")
    if not properties.timestamp:
        raise Broken("it has no timestamp")
    try:
        event = json.loads(body)
    except ValueError as error:
        raise Broken(f"the body is not JSON: {error}") from error
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        raise Broken("the body is not a CloudEvents 1.0 envelope")
    for attribute in ("id", "source", "type"):
        if not isinstance(event.get(attribute), str) or not event[attribute]:
            raise Broken(f"the envelope lacks {attribute!r}")
    if properties.message_id != event["id"]:
        raise Broken(f"message_id is {properties.message_id!r}, the event's id is {event['id']!r}")
    if not method.routing_key.startswith(event["type"] + "."):
        raise Broken(f"routing key {method.routing_key!r} does not begin with the type {event['type']!r}")
    validator = validators.get(event["type"] + ".json") or validators.get("event.json")
    if validator is None:
        raise Broken(f"there is no schema for {event['type']!r}")
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]
    if errors:
        raise Broken("; ".join(errors))


def fail(code, text):
    print(text, file=sys.stderr)
    sys.exit(code)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--queue", default="crm.complaints")
    parser.add_argument("--schemas", required=True, help="folder of JSON Schemas")
    parser.add_argument("--count", type=int, required=True, help="messages to read")
    parser.add_argument("--timeout", type=float, default=30, help="seconds without a message before giving up")
    options = parser.parse_args()

    validators = load(options.schemas)
    try:
        connection = pika.BlockingConnection(pika.URLParameters(options.url))
    except pika.exceptions.AMQPError as error:
        fail(2, f"cannot connect: {error!r}")
    channel = connection.channel()
    channel.basic_qos(prefetch_count=100)
    types = {}
    checked = 0
    if options.count > 0:
        for method, properties, body in channel.consume(options.queue, inactivity_timeout=options.timeout):
            if method is None:
                fail(1, f"only {checked} of {options.count} messages came within {options.timeout} s of each other")
            try:
                check(method, properties, body, validators)
            except Broken as broken:
                fail(1, f"message {properties.message_id}: {broken}")
            channel.basic_ack(method.delivery_tag)
            kind = json.loads(body)["type"]
            types[kind] = types.get(kind, 0) + 1
            checked += 1
            if checked == options.count:
                break
    channel.cancel()
    connection.close()
    print(json.dumps({"checked": checked, "types": types}))


if __name__ == "__main__":
    main()
