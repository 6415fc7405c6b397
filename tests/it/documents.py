#!/usr/bin/env python3
"""Holds FOLDER/asyncapi.json and FOLDER/openapi.json against their specifications.

    documents.py FOLDER

AsyncAPI's own JSON Schema comes from npm's @asyncapi/specs in MUARA_TEST_NODE_MODULES; OpenAPI is checked by
openapi-spec-validator. Exit: 0 both are valid, 1 one is not, 2 a checker is missing.
"""

import json
import os
import pathlib
import sys

import jsonschema

try:
    import openapi_spec_validator
except ImportError:
    print("openapi-spec-validator is not there: run ./tests/run, which makes an environment that has it", file=sys.stderr)
    sys.exit(2)


def pointers(node):
    """Every local reference of a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from pointers(value)
    elif isinstance(node, list):
        for value in node:
            yield from pointers(value)


def dangling(document):
    """References that lead nowhere."""
    for pointer in pointers(document):
        node = document
        try:
            assert pointer.startswith("#/")
            for part in pointer[2:].split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
        except (AssertionError, KeyError, TypeError):
            yield f"{pointer} leads nowhere"


def asyncapi(document):
    modules = os.environ.get("MUARA_TEST_NODE_MODULES", "target/node/node_modules")
    file = pathlib.Path(modules, "@asyncapi/specs/schemas", document["asyncapi"] + "-without-$id.json")
    if not file.is_file():
        print(f"{file} is not there: run ./tests/run, which installs it", file=sys.stderr)
        sys.exit(2)
    validator = jsonschema.Draft7Validator(json.loads(file.read_text()))
    for error in validator.iter_errors(document):
        yield f"{error.json_path}: {jsonschema.exceptions.best_match([error]).message[:500]}"


def openapi(document):
    for error in openapi_spec_validator.OpenAPIV31SpecValidator(document).iter_errors():
        yield f"{getattr(error, 'json_path', '$')}: {str(error)[:500]}"


def main():
    folder = pathlib.Path(sys.argv[1])
    wrong = []
    for name, check in (("asyncapi.json", asyncapi), ("openapi.json", openapi)):
        document = json.loads((folder / name).read_text())
        wrong += [f"{name}: {fault}" for fault in [*check(document), *dangling(document)]]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
