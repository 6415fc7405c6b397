//! Bodies that are written or read member by member, as they are published. The tests hold real ones against them.
#![expect(dead_code, reason = "only their schemas are used")]

use jiff::Timestamp;
use muara_normalizer::{ComplaintId, Reference};
use schemars::JsonSchema;
use uuid::Uuid;

/// What was stored of a request.
#[derive(JsonSchema)]
pub(super) struct Receipts {
    /// One for each message, in the request's order.
    accepted: Vec<Accepted>,
    /// Where the bytes are kept of items that could not be understood.
    #[schemars(skip_serializing_if = "Option::is_none")]
    quarantined: Option<Uuid>,
}

/// One message that was stored.
#[derive(JsonSchema)]
struct Accepted {
    /// The complaint's id.
    id: ComplaintId,
    /// The citizen's code of it.
    reference: Reference,
}

/// Who signs in at a desk.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The officer's user name.
    user: String,
    /// The officer's password.
    #[schemars(extend("format" = "password"))]
    password: String,
}

/// A session at a desk.
#[derive(JsonSchema)]
pub(super) struct Session {
    /// Goes with every entry as `X-CSRF-Token`.
    csrf_token: String,
    /// The officer's user name.
    officer: String,
    /// The office's key.
    office: String,
    /// Until when it lasts (UTC).
    expires_at: Timestamp,
}

/// What a citizen is told.
#[derive(JsonSchema)]
pub(super) struct EntryReceipt {
    /// The complaint's id.
    id: ComplaintId,
    /// The citizen's code of it.
    reference: Reference,
    /// When it was stored (UTC).
    received_at: Timestamp,
}

/// A document of GeoReport v2.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Open311Document {
    /// `services`
    Services(Vec<Service>),
    /// `requests`, or one of them
    Requests(Vec<Request>),
    /// `services/{code}`
    Definition(Definition),
    /// `discovery`
    Discovery(Discovery),
}

/// A kind of request.
#[derive(JsonSchema)]
#[schemars(rename = "Open311Service")]
pub(super) struct Service {
    /// The category's code.
    service_code: String,
    /// The category's name.
    service_name: String,
    /// The same.
    description: String,
    /// Always false: no service has attributes.
    metadata: bool,
    /// Always `realtime`: the reference is in the answer.
    r#type: String,
    /// Empty.
    keywords: String,
    /// Empty.
    group: String,
}

/// A request and how it stands.
#[derive(JsonSchema)]
#[schemars(rename = "Open311RequestShown")]
pub(super) struct Request {
    /// The citizen's code of the complaint.
    service_request_id: String,
    /// `open` or `closed`.
    status: String,
    /// The same in a sentence.
    status_notes: String,
    /// The category's name.
    service_name: Option<String>,
    /// The category's code.
    service_code: String,
    /// The citizen's words, for the client that handed them in.
    description: Option<String>,
    /// Never said.
    agency_responsible: Option<String>,
    /// Never said.
    service_notice: Option<String>,
    /// When it was stored.
    requested_datetime: Timestamp,
    /// When its status changed.
    updated_datetime: Timestamp,
    /// Never said.
    expected_datetime: Option<String>,
    /// As it was handed in.
    address: Option<String>,
    /// As it was handed in.
    address_id: Option<String>,
    /// Never said.
    zipcode: Option<String>,
    /// Degrees of WGS 84.
    lat: Option<f64>,
    /// Degrees of WGS 84.
    long: Option<f64>,
    /// As it was handed in.
    media_url: Option<String>,
}

/// One service, which has no attributes.
#[derive(JsonSchema)]
#[schemars(rename = "Open311Definition")]
pub(super) struct Definition {
    /// The category's code.
    service_code: String,
    /// Empty.
    attributes: Vec<String>,
}

/// Where the server is and what it speaks.
#[derive(JsonSchema)]
#[schemars(rename = "Open311Discovery")]
pub(super) struct Discovery {
    /// When this document last changed.
    changeset: Timestamp,
    /// Whom to ask.
    contact: String,
    /// Who gives out keys.
    key_service: String,
    /// The one server.
    endpoints: Vec<Endpoint>,
}

/// A server of GeoReport v2.
#[derive(JsonSchema)]
#[schemars(rename = "Open311Endpoint")]
struct Endpoint {
    /// The specification's address.
    specification: String,
    /// What paths begin with.
    url: String,
    /// When its documents last changed.
    changeset: Timestamp,
    /// Always `production`.
    r#type: String,
    /// Media types.
    formats: Vec<String>,
}

/// The requests that were stored.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(super) struct Open311Created(Vec<Created>);

/// A request that was stored.
#[derive(JsonSchema)]
#[schemars(rename = "Open311RequestCreated")]
struct Created {
    /// The citizen's code of the complaint.
    service_request_id: String,
    /// What to tell the citizen.
    service_notice: String,
    /// Never said.
    account_id: Option<String>,
}

/// Why there is no other document.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(super) struct Open311Errors(Vec<Open311Error>);

/// One reason.
#[derive(JsonSchema)]
struct Open311Error {
    /// The HTTP status.
    code: u16,
    /// In words.
    description: String,
}

/// A request as a civic app hands it in. Place: `lat` and `long`, `address_string`, or `address_id`.
#[derive(JsonSchema)]
pub(super) struct Open311Request {
    /// The client's key.
    api_key: String,
    /// The category's code.
    service_code: String,
    /// The citizen's words, at most 4000 characters.
    description: Option<String>,
    /// Degrees of WGS 84.
    lat: Option<f64>,
    /// Degrees of WGS 84.
    long: Option<f64>,
    /// Where it is, in words.
    address_string: Option<String>,
    /// Where it is, by the client's own id.
    address_id: Option<String>,
    /// A photo.
    media_url: Option<String>,
    /// The citizen's.
    email: Option<String>,
    /// The citizen's.
    first_name: Option<String>,
    /// The citizen's.
    last_name: Option<String>,
    /// The citizen's.
    phone: Option<String>,
    /// Tells the client's citizens apart.
    account_id: Option<String>,
    /// The same, where there is no account.
    device_id: Option<String>,
}
