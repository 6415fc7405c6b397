//! Cleaning of what is shown: never a change of words.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Cleans a text for display: invisible characters out, NFC, tidy white space, at most one empty line in a row.
///
/// Idempotent. Zero-width joiners stay where they join two pictographs, else a family emoji would fall apart.
#[must_use]
pub fn clean(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let visible = without_invisible(&text.replace("\r\n", "\n"));
    let mut out = String::with_capacity(visible.len());
    let mut empty_lines = 0;
    let composed = match is_nfc_quick(visible.chars()) {
        IsNormalized::Yes => visible,
        _ => visible.nfc().collect(),
    };
    for line in composed.lines() {
        let mut words = line.split_whitespace().peekable();
        if words.peek().is_none() {
            empty_lines += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty_lines > 0 { "\n\n" } else { "\n" });
        }
        empty_lines = 0;
        for (place, word) in words.enumerate() {
            if place > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out
}

/// Cleans a text of one line; nothing left is no text.
#[must_use]
pub fn clean_line(text: &str) -> Option<String> {
    let mut line = clean(text);
    if line.contains('\n') {
        line = line.replace('\n', " ").replace("  ", " ");
    }
    if line.is_empty() { None } else { Some(line) }
}

/// Whether there is anything to see in a text.
#[must_use]
pub fn has_words(text: &str) -> bool {
    text.chars().filter_map(visible).any(|c| !c.is_whitespace() && c != JOINER)
}

/// Whether a text is as `clean` leaves it, told in one pass: one line of printable ASCII with single spaces,
/// which is what most people send.
fn is_plain(text: &str) -> bool {
    let mut before = b' ';
    for &b in text.as_bytes() {
        if !(b == b' ' || b.is_ascii_graphic()) || (b == b' ' && before == b' ') {
            return false;
        }
        before = b;
    }
    before != b' '
}

const JOINER: char = '\u{200D}';

fn without_invisible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().filter_map(visible).peekable();
    while let Some(c) = rest.next() {
        if c == JOINER {
            let joins = out.chars().next_back().is_some_and(pictograph)
                && rest.peek().copied().is_some_and(|next| pictograph(next) && next != '\u{FE0F}');
            if !joins {
                continue;
            }
        }
        out.push(c);
    }
    out
}

/// The character as it may stay, or nothing. Line and paragraph separators become line feeds.
fn visible(c: char) -> Option<char> {
    match c {
        '\r' | '\u{2028}' | '\u{2029}' | '\u{0B}' | '\u{0C}' | '\u{85}' => Some('\n'),
        '\n' | '\t' => Some(c),
        // soft hyphen, zero-width space and non-joiner, marks and embeddings of direction, word joiner
        // and invisible operators, isolates and deprecated formats, byte order mark, interlinear anchors
        '\u{AD}' | '\u{180E}' | '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}' => None,
        '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// Roughly: a symbol, an emoji, or the selector that follows one.
fn pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Folds a name for comparison: lower case, letters and digits only, words joined by `-`.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfkc().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}
