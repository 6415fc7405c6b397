//! The HTTP side: what each router says of its routes, with the schemas of the bodies.

use muara_connectors::desk::Entry;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApiBuilder};

use super::bodies::{
    EntryReceipt, Open311Created, Open311Document, Open311Errors, Open311Request, Receipts, Session, SignIn,
};
use crate::web::{desk, ingress, internal, internal::HealthReport, open311, problem::ProblemDetails};

const DESCRIPTION: &str = "\
The public listener takes messages in: `/in/{channel}` from vendors, `/desk` from desks, `/open311` from civic apps. The \
internal listener is for operators and the core CRM. Pages for people (desk, console) are not described here. Refusals are \
problem details (RFC 9457), but those of Open311, which have its own form.";

pub(super) fn document() -> Value {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Muara")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license))
        .build();
    let mut api = OpenApiBuilder::new().info(info).build();
    api.merge(ingress::described().into_openapi());
    api.merge(desk::described().into_openapi());
    api.merge(open311::described().into_openapi());
    api.merge(internal::described().into_openapi());
    let mut document = serde_json::to_value(api).unwrap_or_default();
    document["servers"] = json!([
        { "url": "http://127.0.0.1:8080", "description": "`listen.public`, behind a proxy with TLS: vendors, desks, civic apps." },
        { "url": "http://127.0.0.1:8081", "description": "`listen.internal`: tag `internal`." },
    ]);
    document["tags"] = json!([
        { "name": "vendors", "description": "Public listener: webhooks." },
        { "name": "desk", "description": "Public listener: the walk-in desks, for programs." },
        { "name": "open311", "description": "Public listener: GeoReport v2." },
        { "name": "internal", "description": "Internal listener: probes, metrics, files." },
    ]);
    document["components"] = json!({
        "schemas": schemas(),
        "securitySchemes": {
            "desk": {
                "type": "apiKey",
                "in": "cookie",
                "name": desk::session::SESSION,
                "description": "Set by `POST /desk/{channel}/api/session`.",
            },
        },
    });
    written_twice(&mut document);
    // unsigned requests are the vendors' business: their signatures are not OpenAPI's
    let free = |operation: &mut Value| {
        if operation.get("security").is_none() {
            operation["security"] = json!([]);
        }
    };
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    operations.filter(|operation| operation.get("responses").is_some()).for_each(free);
    document
}

/// Every document of Open311 is written as XML, too.
fn written_twice(document: &mut Value) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let open311 = paths.filter(|(path, _)| path.starts_with("/open311/"));
    let operations = open311.filter_map(|(_, path)| path.as_object_mut()).flat_map(Map::values_mut);
    let responses = operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut());
    for content in responses.flat_map(Map::values_mut).filter_map(|response| response.get_mut("content")) {
        content["text/xml"] = json!({ "schema": { "type": "string" } });
    }
}

fn schemas() -> Map<String, Value> {
    let mut written = SchemaSettings::draft2020_12().for_serialize();
    written.definitions_path = "/components/schemas".into();
    let mut read = SchemaSettings::draft2020_12().for_deserialize();
    read.definitions_path = "/components/schemas".into();
    let mut read = read.into_generator();
    fn name<T: JsonSchema>(generator: &mut schemars::SchemaGenerator) {
        generator.subschema_for::<T>();
    }
    name::<Entry>(&mut read);
    name::<SignIn>(&mut read);
    name::<Open311Request>(&mut read);
    let mut written = written.into_generator();
    name::<ProblemDetails>(&mut written);
    name::<HealthReport>(&mut written);
    name::<Receipts>(&mut written);
    name::<Session>(&mut written);
    name::<EntryReceipt>(&mut written);
    name::<Open311Document>(&mut written);
    name::<Open311Created>(&mut written);
    name::<Open311Errors>(&mut written);
    let mut schemas = written.take_definitions(true);
    schemas.extend(read.take_definitions(true));
    schemas
}
