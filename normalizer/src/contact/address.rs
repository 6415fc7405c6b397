//! E-mail addresses in a text.

use super::{Found, What};

/// The providers whose addresses are known for such even with spaces around the sign.
const PROVIDERS: [&str; 8] = [
    "gmail.com",
    "yahoo.com",
    "yahoo.co.id",
    "ymail.com",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "rocketmail.com",
];
/// The sign as it is written to escape collectors.
const SPELLED: [&str; 4] = ["(at)", "[at]", "(AT)", "[AT]"];
/// As long may a part of an address be (RFC 5321).
const LOCAL: usize = 64;
const DOMAIN: usize = 255;

/// Finds them all.
pub(super) fn find(text: &str, found: &mut Found) {
    let mut from = 0;
    while let Some((sign, length)) = next_sign(text, from) {
        from = sign + length;
        if let Some((start, end)) = around(text, sign, from) {
            let free = found.places.last().is_none_or(|(last, _)| last.end <= start);
            if free {
                let written = &text[start..end];
                let plain: String = written.chars().filter(|c| !c.is_whitespace()).collect();
                let plain = SPELLED.iter().fold(plain, |plain, sign| plain.replace(sign, "@"));
                let plain = plain.replace('\u{FF20}', "@").to_lowercase();
                found.add(start..end, What::Email, Some(plain));
                from = end;
            }
        }
    }
}

/// The first letter and the domain stay.
pub(super) fn mask(written: &str, out: &mut String) {
    let sign = next_sign(written, 0).map_or(0, |(sign, _)| sign);
    out.extend(written.chars().next());
    out.push_str("***");
    out.push_str(&written[sign..]);
}

/// Where the next sign stands, and how long it is.
fn next_sign(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = &text[from..];
    let mut at = None;
    for (place, c) in rest.char_indices() {
        match c {
            '@' | '\u{FF20}' => {
                at = Some((from + place, c.len_utf8()));
                break;
            }
            '(' | '[' if SPELLED.iter().any(|sign| rest[place..].starts_with(sign)) => {
                at = Some((from + place, 4));
                break;
            }
            _ => {}
        }
    }
    at
}

/// The address around a sign at `sign..after`.
fn around(text: &str, sign: usize, after: usize) -> Option<(usize, usize)> {
    let before = &text[..sign];
    let tight = before.trim_end_matches(' ');
    let spaced_before = tight.len() < before.len();
    let local = tight
        .char_indices()
        .rev()
        .take(LOCAL)
        .take_while(|(_, c)| is_local(*c))
        .last()
        .map(|(place, _)| place)?;
    let start = local + (tight.len() - local - tight[local..].trim_start_matches(['.', '-', '+', '%']).len());
    if start == tight.len() || tight[..start].ends_with('*') {
        return None;
    }
    let rest = &text[after..];
    let domain = rest.trim_start_matches(' ');
    let spaced_after = domain.len() < rest.len();
    let length: usize = domain.chars().take(DOMAIN).take_while(|c| is_domain(*c)).map(char::len_utf8).sum();
    let length = host(&domain[..length])?;
    let end = text.len() - domain.len() + length;
    let is_spelled = after - sign == 4;
    let known = PROVIDERS.contains(&domain[..length].to_ascii_lowercase().as_str());
    (known || is_spelled || !(spaced_before || spaced_after)).then_some((start, end))
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-')
}

fn is_domain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-')
}

/// How much of this is a host's name with a top-level domain: what follows a sentence's full stop is none.
fn host(written: &str) -> Option<usize> {
    let mut length = 0;
    let mut end = None;
    for (labels, label) in written.split('.').enumerate() {
        let word = label.find('-').filter(|_| labels > 0).map_or(label, |hyphen| &label[..hyphen]);
        if label.is_empty() || label.starts_with('-') {
            break;
        }
        // `…@mail.example.Mohon` goes on with a sentence
        if labels > 1 && label.starts_with(char::is_uppercase) && written.starts_with(char::is_lowercase) {
            break;
        }
        let top = labels > 0 && word.chars().count() >= 2 && word.chars().all(char::is_alphabetic);
        if top {
            end = Some(length + word.len());
        }
        length += label.len() + 1;
    }
    end
}
