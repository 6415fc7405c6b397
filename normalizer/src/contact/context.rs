//! What the words before a number say that it is. They are in `data/number_words.txt`, which anyone can read and
//! extend.

use std::{collections::HashMap, sync::LazyLock};

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// A subscriber's number.
    Phone,
    /// A person's sixteen digits.
    Nik,
    /// A family's, an account's, a thing's number.
    Number,
    /// A report's.
    Report,
}

/// What was read before a number.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    /// The labels that stand together, nearest last: `NIK dan KK`.
    pub(super) labels: Vec<Label>,
    /// Nothing but fillers stands between the last of them and the number.
    pub(super) close: bool,
    /// Nothing but a joiner stands between the number before and this one.
    pub(super) joined: bool,
    /// The word right before it belongs to money.
    pub(super) money: bool,
}

/// A word's part in this.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Label(Label),
    Filler,
    Joiner,
    Money,
    Hotline,
}

static PARTS: LazyLock<HashMap<&'static str, Vec<Part>>> = LazyLock::new(|| {
    let mut parts: HashMap<&str, Vec<Part>> = HashMap::new();
    let lines = include_str!("../../data/number_words.txt").lines().filter(|line| !line.starts_with('#'));
    for (name, words) in lines.filter_map(|line| line.split_once(':')) {
        let part = match name {
            "phone" => Part::Label(Label::Phone),
            "nik" => Part::Label(Label::Nik),
            "number" => Part::Label(Label::Number),
            "report" => Part::Label(Label::Report),
            "joiner" => Part::Joiner,
            "money" => Part::Money,
            "hotline" => Part::Hotline,
            _ => Part::Filler,
        };
        for word in words.split_whitespace() {
            parts.entry(word).or_default().push(part);
        }
    }
    parts
});

fn has(word: &str, part: Part) -> bool {
    PARTS.get(word).is_some_and(|parts| parts.contains(&part))
}

fn label(word: &str) -> Option<Label> {
    PARTS.get(word)?.iter().find_map(|part| if let Part::Label(label) = part { Some(*label) } else { None })
}

/// Whether everybody calls this number, in national spelling.
pub(super) fn is_hotline(national: &str) -> bool {
    has(national, Part::Hotline)
}

/// Whether the word that a number is glued to names a kind of number.
pub(super) fn names_a_number(word: &str) -> bool {
    label(word).is_some() || has(word, Part::Filler)
}

/// Whether money follows.
pub(super) fn money_follows(text: &str) -> bool {
    let word = text.trim_start_matches(' ').split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    word.len() <= 8 && has(&word.to_ascii_lowercase(), Part::Money)
}

/// So many bytes before a number are read.
const WINDOW: usize = 96;
/// So many other words may stand between a label and its number.
const FAR: usize = 5;

/// Reads backwards from a number that begins at `start`, not beyond `from`, where the number before it ended.
pub(super) fn before(text: &str, from: usize, start: usize) -> Context {
    let begin = text.floor_char_boundary(start.saturating_sub(WINDOW)).max(from);
    let whole = begin == from && from > 0;
    let window = &text[begin..start];
    let mut context = Context { joined: whole, ..Context::default() };
    let mut end = window.len();
    let (mut others, mut since_label) = (0, 0);
    let mut next: Option<String> = None;
    let mut first = true;
    while let Some((word_start, word_end)) = last_word(&window[..end]) {
        let gap = &window[word_end..end];
        end = word_start;
        let word = window[word_start..word_end].to_lowercase();
        if !first && gap.contains('\n') && context.labels.is_empty() && others > 0
            || gap.contains('*')
            || word.bytes().filter(u8::is_ascii_digit).count() >= 5
            || ends_sentence(gap, &word)
        {
            context.joined = false;
            break;
        }
        if first {
            context.money = has(&word, Part::Money);
            first = false;
        }
        if !has(&word, Part::Joiner) {
            context.joined = false;
        }
        let pair = next.as_ref().map(|next| format!("{word}_{next}"));
        let pair_label = pair.as_deref().and_then(label);
        let found = label(&word).or(pair_label);
        if pair_label.is_some() && label(next.as_deref().unwrap_or_default()).is_none() && others > 0 {
            // the second word of the pair was counted as another word
            others -= 1;
        }
        match found {
            Some(label) => {
                if context.labels.is_empty() {
                    context.close = others == 0;
                }
                if context.labels.last() != Some(&label) {
                    context.labels.push(label);
                }
                since_label = 0;
            }
            None if context.labels.is_empty() => {
                if !has(&word, Part::Filler) && !has(&word, Part::Joiner) {
                    others += 1;
                }
                if others > FAR {
                    break;
                }
            }
            None => {
                since_label += 1;
                if since_label > 2 || !(has(&word, Part::Filler) || has(&word, Part::Joiner)) {
                    break;
                }
            }
        }
        next = Some(word);
    }
    context.joined &= !window.contains(['\n', '*']);
    context.labels.reverse();
    context
}

/// Where the last word of a text begins and ends.
fn last_word(text: &str) -> Option<(usize, usize)> {
    let (last, c) = text.char_indices().rfind(|(_, c)| c.is_alphanumeric())?;
    let end = last + c.len_utf8();
    let start = text[..end].char_indices().rfind(|(_, c)| !c.is_alphanumeric());
    Some((start.map_or(0, |(place, c)| place + c.len_utf8()), end))
}

/// Whether a sentence ends between a word and what follows: not after `No.` or `Telp.`.
fn ends_sentence(gap: &str, word: &str) -> bool {
    let stop = gap.trim_start_matches([' ', ')', '"']);
    (stop.starts_with(['!', '?']) || (stop.starts_with('.') && stop.len() > 1))
        && label(word).is_none()
        && !has(word, Part::Filler)
}
