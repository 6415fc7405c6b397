//! How long a post may be, and how a longer one is shortened.
//!
//! X counts 280: Latin letters, digits and common signs are one, all others (CJK, emoji) two, an address 23 however long
//! it is. A joined emoji counts here by its parts, which is more than X counts: a post is rather shorter than refused.

const LIMIT: usize = 280;
const ADDRESS: usize = 23;
/// What stands where something is left out; it counts as two.
const ELLIPSIS: &str = "…";

/// The text, or as many of its words as fit with an ellipsis.
pub(super) fn shortened(text: &str) -> String {
    let text = text.trim();
    if weight(text) <= LIMIT {
        return text.to_owned();
    }
    let room = LIMIT - weight(ELLIPSIS);
    let mut kept = 0;
    for (at, _) in text.char_indices().filter(|(_, sign)| sign.is_whitespace()) {
        if weight(text[..at].trim_end()) > room {
            break;
        }
        kept = at;
    }
    if kept == 0 {
        // one word that alone is too long
        let ends = text.char_indices().map(|(at, _)| at);
        kept = ends.take_while(|at| weight(&text[..*at]) <= room).last().unwrap_or(0);
    }
    format!("{}{ELLIPSIS}", text[..kept].trim_end())
}

fn weight(text: &str) -> usize {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end();
            let space = word.chars().count() - bare.chars().count();
            let is_address = bare.starts_with("https://") || bare.starts_with("http://");
            space + if is_address { ADDRESS } else { bare.chars().map(of).sum() }
        })
        .sum()
}

/// The ranges of version 3 of X's counting rules.
fn of(sign: char) -> usize {
    match u32::from(sign) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => 2,
    }
}
