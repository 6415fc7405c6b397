#!/usr/bin/env python3
"""A core CRM in another language: publishes replies with pika, each held against the contract before.

    publisher.py --url amqp://... --schemas DIR [--queue muara.replies] < replies.jsonl

Each line is the data of one `reply.requested.v1`. It goes out as a CloudEvents 1.0 envelope by the default exchange,
persistent, mandatory and confirmed.

Exit: 0 all published, 1 a line breaks the contract or was not taken, 2 the schemas or the broker cannot be used.
"""

import argparse
import json
import pathlib
import sys
import uuid

import jsonschema
import pika

TYPE = "reply.requested.v1"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--schemas", required=True, help="folder of JSON Schemas")
    parser.add_argument("--queue", default="muara.replies")
    options = parser.parse_args()

    try:
        schema = json.loads((pathlib.Path(options.schemas) / f"{TYPE}.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        connection = pika.BlockingConnection(pika.URLParameters(options.url))
    except (OSError, ValueError, jsonschema.SchemaError, pika.exceptions.AMQPError) as error:
        print(repr(error), file=sys.stderr)
        sys.exit(2)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    channel = connection.channel()
    channel.confirm_delivery()
    for line in sys.stdin:
        data = json.loads(line)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]
        if errors:
            print("; ".join(errors), file=sys.stderr)
            sys.exit(1)
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/crm",
            "type": TYPE,
            "datacontenttype": "application/json",
            "data": data,
        }
        properties = pika.BasicProperties(
            content_type="application/cloudevents+json", delivery_mode=2, message_id=event["id"]
        )
        try:
            channel.basic_publish("", options.queue, json.dumps(event), properties, mandatory=True)
        except (pika.exceptions.UnroutableError, pika.exceptions.NackError) as error:
            print(f"not taken: {error!r}", file=sys.stderr)
            sys.exit(1)
    connection.close()


if __name__ == "__main__":
    main()
