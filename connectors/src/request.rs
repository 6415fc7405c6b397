//! One HTTP request of a vendor as it came in: the bytes that were signed, untouched.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// What the vendor sent. Readable parts are few on purpose: the body can be read only through
/// [`Verified`](crate::verify::Verified).
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// Path and query as received.
    pub path_and_query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The raw body.
    pub(crate) body: Bytes,
}

impl Request {
    /// A request with its raw body.
    #[must_use]
    pub fn new(method: Method, path_and_query: String, headers: HeaderMap, body: Bytes) -> Self {
        Self { method, path_and_query, headers, body }
    }

    /// The same request with its body, once that is read.
    #[must_use]
    pub fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// A request known only by its body and content type: a quarantined one, or an item that was pulled.
    #[must_use]
    pub fn from_body(content_type: Option<&str>, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(value) = content_type.and_then(|text| text.parse().ok()) {
            headers.insert(http::header::CONTENT_TYPE, value);
        }
        Self::new(Method::POST, String::from("/"), headers, body)
    }

    /// The media type of the body in lower case, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let value = self.header(http::header::CONTENT_TYPE.as_str())?;
        Some(value.split(';').next()?.trim().to_ascii_lowercase())
    }

    /// A header's value, if it is there once and readable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    /// Size of the body in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len()
    }
}
