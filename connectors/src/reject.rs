//! Why a verified message cannot be understood. Its bytes are kept in quarantine, with these words beside them.

/// Why a decoder gives up on a body or on one item of it.
///
/// All of them are final for these bytes: a replay helps only after the connector or the field map has changed.
/// The texts name fields and positions, never the citizen's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Not the syntax that the vendor promises: broken JSON, form or XML. The vendor's fault.
    #[error("the body is not valid {syntax}: {detail}")]
    Syntax {
        /// `JSON`, `form` …
        syntax: &'static str,
        /// Where and what, without the content.
        detail: String,
    },
    /// The syntax is right, but it is none of the shapes this connector knows. The vendor changed something, or the wrong channel was addressed.
    #[error("the body has none of the shapes this connector knows: {expected}")]
    Shape {
        /// What was looked for.
        expected: &'static str,
    },
    /// A required field is missing or empty, or a field is of the wrong type.
    #[error("field `{field}`: {detail}")]
    Field {
        /// The field, as the vendor or the field map names it.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The decoder itself failed: a fault in Muara. Replay after an update.
    #[error("the decoder failed on it, which is a fault in Muara; keep it and report the fault")]
    Fault,
}

impl Reject {
    /// The JSON error without the offending content.
    #[must_use]
    pub fn json(error: &serde_json::Error) -> Self {
        let detail =
            format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column());
        Self::Syntax { syntax: "JSON", detail }
    }

    /// A required field that is missing or empty.
    #[must_use]
    pub fn missing(field: impl Into<String>) -> Self {
        Self::Field { field: field.into(), detail: "required, but missing or empty".to_owned() }
    }
}
