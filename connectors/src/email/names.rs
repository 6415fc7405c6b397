//! Addresses, Message-IDs and subjects: short texts with a syntax of their own.

use mail_parser::HeaderValue;
use muara_normalizer::{Reference, text};

/// What mail programs put before the subject of an answer or a forward; `bls` and `trs` are Outlook's in Indonesian.
const PREFIXES: &[&str] =
    &["re", "fw", "fwd", "bls", "trs", "balas", "balasan", "terusan", "aw", "wg", "sv", "vs", "tr"];
/// A Message-ID has at most one line.
const LONGEST_ID: usize = 998;
/// An answer names the first message and the last ones; some servers refuse longer headers.
const MOST_REFERENCES: usize = 20;

/// Whether this can be a mailbox of the net: RFC 5321 allows more, but nobody has such an address.
pub(super) fn is_address(address: &str) -> bool {
    let address = address.trim();
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"');
    !local.is_empty() && !domain.is_empty() && address.len() <= 254 && address.chars().all(plain)
}

/// A Message-ID without its brackets; nothing where it is none.
pub(super) fn message_id(id: &str) -> Option<String> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>').trim();
    let plain = id.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>'));
    (!id.is_empty() && id.len() <= LONGEST_ID && plain).then(|| id.to_owned())
}

/// The Message-IDs of a header in their order, each once.
pub(super) fn message_ids(value: &HeaderValue<'_>) -> Vec<String> {
    let texts: Vec<&str> = match value {
        HeaderValue::Text(text) => vec![text],
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    let mut ids = Vec::new();
    for id in texts.into_iter().filter_map(message_id) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The root and the newest of a long conversation.
pub(super) fn shortened(mut references: Vec<String>) -> Vec<String> {
    let surplus = references.len().saturating_sub(MOST_REFERENCES);
    if surplus > 0 {
        references.drain(1..=surplus);
    }
    references
}

/// A subject by its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// What it is about, without prefixes and our references.
    pub(super) title: Option<String>,
    /// Our references in brackets.
    pub(super) references: Vec<Reference>,
}

/// Takes a subject apart.
pub(super) fn subject(written: &str) -> Subject {
    let mut references = Vec::new();
    let mut rest = written;
    let mut without = String::with_capacity(written.len());
    while let Some((before, inside)) = rest.split_once('[') {
        let found = inside.split_once(']').and_then(|(code, after)| Some((code.trim().parse().ok()?, after)));
        without.push_str(before);
        match found {
            Some((reference, after)) => {
                if !references.contains(&reference) {
                    references.push(reference);
                }
                rest = after;
            }
            None => {
                without.push('[');
                rest = inside;
            }
        }
    }
    without.push_str(rest);
    let mut title = without.trim();
    while let Some(after) = without_prefix(title) {
        title = after;
    }
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    Subject { title: text::has_words(&title).then_some(title), references }
}

/// The subject after one prefix like `Re:`, `RE[2]:`, `Bls :`.
fn without_prefix(subject: &str) -> Option<&str> {
    let (before, after) = subject.split_once([':', '：'])?;
    let word = before.trim();
    let word = word.split_once(['[', '(']).map_or(word, |(word, _)| word).trim();
    PREFIXES.contains(&word.to_lowercase().as_str()).then(|| after.trim())
}
