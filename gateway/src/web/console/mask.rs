//! What is shown of citizens' words before anybody has said why they must read them.

use muara_normalizer::{Draft, contact};
use serde_json::Value;

use crate::store::{
    reply::ReplyBody,
    rooms::{Room, Standing},
};

/// Characters of a text in a list.
const SHORT: usize = 280;
/// Stands for a letter or a digit.
const DOT: char = '•';

/// A row's words for everybody who may look: of what we understand the text with numbers and addresses masked, of a vendor's
/// bytes only their shape.
pub(super) fn masked(room: Room, row: &Standing) -> String {
    let text = match room {
        Room::Quarantine => shape(&row.content_type, &row.body),
        Room::Held | Room::Aside => {
            field(&row.body, "text").map(|text| contact::masked(&text)).unwrap_or_default()
        }
        Room::Dead => shape("application/json", &row.body),
        Room::Replies => reply(&row.body).map(|text| contact::masked(&text)).unwrap_or_default(),
    };
    shorten(&text)
}

/// A row's words as they are.
pub(super) fn plain(room: Room, row: &Standing) -> String {
    let words = match room {
        Room::Held | Room::Aside => draft(&row.body),
        Room::Replies => reply(&row.body),
        Room::Quarantine | Room::Dead => pretty(&row.body),
    };
    words.unwrap_or_else(|| String::from_utf8_lossy(&row.body).into_owned())
}

fn draft(body: &[u8]) -> Option<String> {
    let draft: Draft = serde_json::from_slice(body).ok()?;
    let title = draft.title.map(|title| format!("{title}\n\n")).unwrap_or_default();
    Some(format!("{title}{}", draft.text))
}

fn reply(body: &[u8]) -> Option<String> {
    let body: ReplyBody = serde_json::from_slice(body).ok()?;
    let status = body.status.map(|status| format!("[{}] ", status.name())).unwrap_or_default();
    Some(format!("{status}{}", body.text.unwrap_or_default()))
}

fn pretty(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

/// A text of a JSON object whose end may be cut off.
fn field(body: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    let mut end = rest.len();
    let mut escaped = false;
    for (place, letter) in rest.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                end = place;
                break;
            }
            _ => {}
        }
    }
    // an escape that is cut off is left out
    let rest = rest.get(..end)?;
    (0..8).find_map(|less| {
        let kept = rest.get(..rest.len().checked_sub(less)?)?;
        serde_json::from_str(&format!("\"{kept}\"")).ok()
    })
}

/// Names and punctuation, with every letter and digit of a value hidden: enough to see what a decoder stumbles over.
fn shape(content_type: &str, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if content_type.contains("x-www-form-urlencoded") {
        let fields = text.split('&').map(|field| match field.split_once('=') {
            Some((name, value)) => format!("{name}={}", dots(value)),
            None => dots(field),
        });
        return fields.collect::<Vec<_>>().join("&");
    }
    let trimmed = text.trim_start();
    if !trimmed.starts_with(['{', '[']) {
        return dots(&text);
    }
    names_kept(trimmed)
}

/// JSON, whole or cut off: strings before a colon are names and stay.
fn names_kept(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        out.push_str(&words_kept(rest.get(..start).unwrap_or_default()));
        let inside = rest.get(start + 1..).unwrap_or_default();
        let mut escaped = false;
        let end = inside.find(|letter: char| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            out.push('"');
            out.push_str(&dots(inside));
            return out;
        };
        let (string, after) =
            (inside.get(..end).unwrap_or_default(), inside.get(end + 1..).unwrap_or_default());
        let name = after.trim_start().starts_with(':') && named(string);
        out.push('"');
        out.push_str(&if name { string.to_owned() } else { dots(string) });
        out.push('"');
        rest = after;
    }
    out.push_str(&words_kept(rest));
    out
}

/// Whether it looks like a field's name; a phone number as a key does not.
fn named(string: &str) -> bool {
    string.len() <= 64
        && string.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.$@".contains(&byte))
        && string.bytes().filter(u8::is_ascii_digit).count() < 5
}

/// Outside of strings stand numbers, which are hidden, and `true`, `false`, `null`, which are not.
fn words_kept(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_digit() { DOT } else { letter }).collect()
}

fn dots(text: &str) -> String {
    text.chars().map(|letter| if letter.is_alphanumeric() { DOT } else { letter }).collect()
}

fn shorten(text: &str) -> String {
    let mut letters = text.chars();
    let mut short: String = letters.by_ref().take(SHORT).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{field, shape};

    #[test]
    fn of_a_vendors_bytes_only_the_shape_is_left() {
        let body = br#"{"sender":{"name":"Budi \"B\" S","phone":628123456},"0812345678":"x","ok":true,"text":"Jalan ru"#;
        let shown = shape("application/json", body);
        assert_eq!(
            shown,
            r#"{"sender":{"name":"•••• \"•\" •","phone":•••••••••},"••••••••••":"•","ok":true,"text":"••••• ••"#
        );
        assert_eq!(
            shape("application/x-www-form-urlencoded", b"From=%2B62&Body=Halo"),
            "From=%••••&Body=••••"
        );
        assert_eq!(shape("text/plain", "Jl. 5".as_bytes()), "••. •");
        assert_eq!(shape("", b"\"Budi\" 0812"), "\"••••\" ••••");
    }

    #[test]
    fn a_drafts_text_is_read_though_its_end_is_cut_off() {
        assert_eq!(
            field(br#"{"text":"Jalan \"A\" rusak","title":"x"}"#, "text").as_deref(),
            Some("Jalan \"A\" rusak")
        );
        assert_eq!(field(br#"{"a":1,"text":"Jalan\nru\u00"#, "text").as_deref(), Some("Jalan\nru"));
        assert_eq!(field(b"{}", "text"), None);
    }
}
