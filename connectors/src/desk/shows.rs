//! What is shown of an entry at its own desk.

use muara_normalizer::draft::ReturnAddress;
use serde::{Deserialize, Serialize};

/// What the desk's own list shows of an entry, as it stands in its return address: nothing of the citizen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shows {
    /// The office's key.
    pub office: String,
    /// The category as the officer chose it.
    pub category: Option<String>,
    /// Whether the officer saw danger in waiting.
    pub urgent: bool,
}

impl Shows {
    /// What a return address of this connector says.
    #[must_use]
    pub fn read(address: &ReturnAddress) -> Option<Self> {
        serde_json::from_value(address.0.clone()).ok()
    }
}
