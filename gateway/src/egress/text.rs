//! What citizens read: Indonesian sentences around a reference, a status and the core CRM's words; and what of it may be
//! said where everybody reads it.

use muara_normalizer::{Reference, contact};

use crate::{
    channel::{PublicPolicy, Replies},
    store::reply::ReplyBody,
};

/// The two forms of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// For the citizen alone.
    pub private: String,
    /// For everybody's eyes, where the channel's policy allows it.
    pub public: Option<String>,
}

/// The variables of a receipt's template.
const VARIABLES: [&str; 2] = ["reference", "channel"];

/// Why a template is not one. The operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A variable that nobody fills.
    #[error("there is no variable {{{0}}}; there are {{reference}} and {{channel}}")]
    Variable(String),
    /// A brace without its partner.
    #[error("a `{{` or `}}` has no partner")]
    Brace,
    /// The citizen would not get to know the number.
    #[error("the text does not name the {{reference}}")]
    NoReference,
}

/// Checks a receipt's template.
///
/// # Errors
/// What is wrong with it.
pub fn check_template(template: &str) -> Result<(), BadTemplate> {
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        let inner = rest[open..].strip_prefix('{').ok_or(BadTemplate::Brace)?;
        let (name, after) = inner.split_once('}').ok_or(BadTemplate::Brace)?;
        if !VARIABLES.contains(&name) {
            return Err(BadTemplate::Variable(name.to_owned()));
        }
        rest = after;
    }
    if template.contains("{reference}") { Ok(()) } else { Err(BadTemplate::NoReference) }
}

/// The automatic answer with the reference.
#[must_use]
pub fn receipt(replies: &Replies, reference: Option<&Reference>, channel: &str) -> Said {
    let reference = reference.map(ToString::to_string).unwrap_or_default();
    let text = replies.receipt_text.replace("{reference}", &reference).replace("{channel}", channel);
    let public = replies.public_receipt.then(|| text.clone());
    Said { private: text, public }
}

/// A reply of the core CRM.
#[must_use]
pub fn reply(policy: PublicPolicy, reference: Option<&Reference>, body: &ReplyBody) -> Said {
    let number = reference.map(|reference| format!(" {reference}")).unwrap_or_default();
    let head = match &body.status {
        Some(status) => format!("Laporan Anda{number} {}.", status.sentence()),
        None => format!("Tanggapan atas laporan Anda{number}:"),
    };
    let with = |words: Option<&str>| match words {
        Some(words) => format!("{head}\n{}", words.trim()),
        None => head.trim_end_matches(':').to_owned(),
    };
    let public = match policy {
        PublicPolicy::Nothing => None,
        // the words are the citizen's business: only that there are some is said
        PublicPolicy::Status if body.status.is_none() => {
            Some(format!("Laporan Anda{number} sudah ditanggapi. Silakan hubungi kami lewat pesan pribadi."))
        }
        PublicPolicy::Status => Some(head.clone()),
        PublicPolicy::Text => Some(with(body.text.as_deref().map(contact::hidden).as_deref())),
    };
    Said { private: with(body.text.as_deref()), public }
}
