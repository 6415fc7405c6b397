//! What is published for the other side holds: the documents are the program's, valid to their specifications, and real
//! answers, events and queues are as they say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod events;

use std::{fs, path::Path};

use muara::contract;
use muara_normalizer::schema;
use serde_json::{Value, json};

use crate::{broker::contract::python, fixtures};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/contract")
}

/// One document of the program.
fn document(name: &str) -> Value {
    contract::all().into_iter().find(|(known, _)| *known == name).unwrap().1
}

/// The schema at a place of a document, whose objects have no members but those that it names.
fn validator(document: &Value, place: &str) -> jsonschema::Validator {
    let mut components = document["components"].clone();
    close(&mut components);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/{place}"),
        "components": components,
    });
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// Consumers must bear members that they do not know; but what is written today is described whole.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn errors(validator: &jsonschema::Validator, instance: &Value) -> String {
    let errors = validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path()));
    errors.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_published_documents_are_those_of_the_program() {
    let documents = contract::all();
    let compared = documents
        .iter()
        .map(|(name, document)| fixtures::compare(&folder().join(name), &contract::to_text(document)));
    let stale: Vec<_> = compared.filter_map(Result::err).collect();
    assert!(stale.is_empty(), "stale; BLESS=1 writes them anew\n{}", stale.join("\n"));
}

#[tokio::test]
async fn the_published_documents_are_valid_to_their_specifications() {
    let folder = folder();
    let output = python("documents.py", &[folder.to_str().unwrap()], b"").await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_example_is_valid_to_its_schema() {
    let schemas = schema::all();
    let mut checked = 0;
    for file in fs::read_dir(folder().join("examples")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name();
        let (_, schema) = schemas.iter().find(|(known, _)| *known == name).unwrap();
        let mut schema = schema.as_value().clone();
        close(&mut schema);
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let example = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
        assert_eq!(errors(&validator, &example), "", "{}", name.display());
        checked += 1;
    }
    assert_eq!(checked, schemas.len() - 1, "each message has one; `complaint.v1` is part of an event");
}
