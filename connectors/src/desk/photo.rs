//! Photos of an entry.

use base64::{Engine, engine::general_purpose::STANDARD};
use muara_normalizer::draft::Attachment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Problem};

/// The most photos of one entry.
const MOST: usize = 5;
/// The most MiB of one photo.
const MOST_MIB: usize = 8;

/// A photo of the matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Photo {
    /// The file's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// JPEG, PNG or WebP in base64 (RFC 4648 §4).
    pub data: String,
}

impl Photo {
    /// A photo of a file.
    #[must_use]
    pub fn new(name: String, content: &[u8]) -> Self {
        Self { name, data: STANDARD.encode(content) }
    }

    fn checked(&self) -> Result<Attachment, Problem> {
        // four characters for three bytes
        if self.data.len() / 4 * 3 > MOST_MIB * 1024 * 1024 {
            return Err(Problem::PhotoTooLarge { limit: MOST_MIB });
        }
        let content = STANDARD.decode(&self.data).map_err(|_| Problem::NotPhoto)?;
        let content_type = content_type(&content).ok_or(Problem::NotPhoto)?;
        let name: String = self.name.chars().filter(|c| !c.is_control()).take(120).collect();
        Ok(Attachment::Inline {
            name: Some(name).filter(|name| !name.is_empty()),
            content_type: Some(content_type.to_owned()),
            data: self.data.clone(),
        })
    }
}

impl Check {
    pub(super) fn photos(&mut self, photos: &[Photo]) -> Vec<Attachment> {
        if photos.len() > MOST {
            self.wrong("photos", Problem::TooMany { limit: MOST });
            return Vec::new();
        }
        let mut attachments = Vec::new();
        for photo in photos {
            match photo.checked() {
                Ok(attachment) => attachments.push(attachment),
                Err(problem) => self.wrong("photos", problem),
            }
        }
        attachments
    }
}

/// What every browser can show, by its first bytes.
fn content_type(content: &[u8]) -> Option<&'static str> {
    match content {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
