//! What the citizen says now, without the letters before it and without signatures.
//!
//! Line by line by the marks that mail programs make in Indonesian and English. The whole text stays beside the result
//! (`original`), and a mail of which nothing would be left is kept as it is.

use muara_normalizer::text;

/// Lines above an earlier letter, without the dashes around them.
const ABOVE_LETTER: &[&str] =
    &["original message", "pesan asli", "original appointment", "reply message", "pesan balasan"];
/// Lines above a letter that is passed on.
const ABOVE_FORWARD: &[&str] = &[
    "forwarded message",
    "begin forwarded message",
    "pesan terusan",
    "pesan yang diteruskan",
    "pesan diteruskan",
    "mulai pesan terusan",
    "awal pesan terusan",
    "memulai pesan yang diteruskan",
];
/// The headers of an earlier letter as Outlook writes them above it.
const FROM: &[&str] = &["from", "dari"];
const OTHER_HEADERS: &[&str] = &[
    "sent", "date", "to", "cc", "subject", "dikirim", "terkirim", "tanggal", "kepada", "ke", "perihal",
    "subjek", "hal",
];
/// How telephones and mail services advertise themselves at the end.
const ADVERTISEMENTS: &[&str] = &[
    "dikirim dari ",
    "terkirim dari ",
    "sent from ",
    "sent via ",
    "get outlook for ",
    "dapatkan outlook untuk ",
    "unduh outlook untuk ",
];
/// Beyond this many lines a lone `--` is no signature's mark.
const LONGEST_SIGNATURE: usize = 10;

/// The text without what was said before.
pub(super) fn strip(whole: &str) -> String {
    let lines: Vec<&str> = whole.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rest = &lines[at..];
        if is_quote(line) {
            at += 1;
        } else if let Some(length) = attribution(rest) {
            // without marks below it the earlier letter reaches to the end; with them the answer may stand below
            let below = rest[length..].iter().find(|line| !line.trim().is_empty());
            match below {
                Some(line) if is_quote(line) => at += length,
                _ => break,
            }
        } else if above_letter(line) || letterhead(rest) || signature(rest) {
            break;
        } else {
            kept.push(line);
            at += 1;
        }
    }
    while kept.last().is_some_and(|line| line.trim().is_empty() || is_rule(line) || is_advertisement(line)) {
        kept.pop();
    }
    let said = kept.join("\n");
    let said = said.trim_matches('\n');
    if text::has_words(said) { said.to_owned() } else { whole.to_owned() }
}

fn is_quote(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// How many lines "Pada … menulis:" or "On … wrote:" has; mail programs break it.
fn attribution(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?.trim_start();
    let starts = ["Pada ", "On ", "Tanggal "].iter().any(|start| first.starts_with(start));
    // Gmail's older form has the date first
    let dated = first.starts_with(|c: char| c.is_ascii_digit()) && first.contains('@');
    if !(starts || dated) {
        return None;
    }
    let most = if starts { 4 } else { 1 };
    for (number, line) in lines.iter().take(most).enumerate() {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        if ["menulis:", "wrote:", "berkata:", "writes:"].iter().any(|end| line.ends_with(end)) {
            return Some(number + 1);
        }
    }
    None
}

fn above_letter(line: &str) -> bool {
    let words = line.trim().trim_matches(|c: char| matches!(c, '-' | '_' | '*' | '=' | ':' | ' '));
    let words = words.to_lowercase();
    ABOVE_LETTER.contains(&words.as_str()) || ABOVE_FORWARD.contains(&words.as_str())
}

/// A block of headers: a sender's line, and at least two others right below it.
fn letterhead(lines: &[&str]) -> bool {
    let named = |line: &&str, names: &[&str]| {
        let line = line.trim().trim_matches('*');
        line.split_once(':')
            .is_some_and(|(name, _)| names.contains(&name.trim().trim_matches('*').to_lowercase().as_str()))
    };
    let others = || lines.iter().skip(1).filter(|line| !line.trim().is_empty()).take(4);
    lines.first().is_some_and(|line| named(line, FROM))
        && others().filter(|line| named(line, OTHER_HEADERS)).count() >= 2
}

/// `-- ` (RFC 3676 §4.3). Without the blank it may be a line that somebody drew.
fn signature(lines: &[&str]) -> bool {
    match lines.first() {
        Some(&"-- ") => true,
        Some(&"--") => lines.len() <= LONGEST_SIGNATURE,
        _ => false,
    }
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 5 && line.chars().all(|c| matches!(c, '_' | '-' | '='))
}

fn is_advertisement(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    line.len() <= 80 && ADVERTISEMENTS.iter().any(|start| line.starts_with(start))
}
