//! What the words before a number say that it is. They are in `data/number_words.txt`, which anyone can read and
//! extend.

use std::sync::LazyLock;

use foldhash::HashMap;

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

/// What was read before a number, word by word.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    /// The labels that stand together, nearest last: `NIK dan KK`.
    labels: Vec<Label>,
    /// So many other words stand after the last of them.
    others: usize,
    /// So many fillers and joiners do.
    fillers: usize,
    /// A number was found after the labels: they hold for the next one only if that is joined to it.
    used: bool,
    /// The last word, for labels of two words.
    last: String,
    /// Its part.
    part: Option<Part>,
}

/// A word's part in this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Label(Label),
    Filler,
    Joiner,
    Money,
    Hotline,
}

static PARTS: LazyLock<HashMap<&'static str, Vec<Part>>> = LazyLock::new(|| {
    let mut parts: HashMap<&str, Vec<Part>> = HashMap::default();
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

/// So many other words may stand between a label and its number.
const FAR: usize = 5;
/// So many fillers may stand between two labels that stand together.
const NEAR: usize = 2;

impl Context {
    /// Reads what stands between two groups of digits.
    pub(super) fn read(&mut self, between: &str) {
        let mut gap = 0;
        let mut word = None;
        for (place, c) in between.char_indices().chain(std::iter::once((between.len(), ' '))) {
            match (word, c.is_alphanumeric()) {
                (None, true) => word = Some(place),
                (Some(start), false) => {
                    self.gap(&between[gap..start]);
                    self.word(&between[start..place]);
                    (gap, word) = (place, None);
                }
                _ => {}
            }
        }
        self.gap(&between[gap..]);
    }

    fn gap(&mut self, gap: &str) {
        let soft = matches!(self.part, Some(Part::Label(_) | Part::Filler));
        let stop = gap.trim_start_matches([' ', ')', '"']);
        // a sentence ends here: not after `No.` or `Telp.`
        let ends = stop.starts_with(['!', '?']) || (stop.starts_with('.') && stop.len() > 1);
        if (ends && !soft) || gap.contains(['@', '\u{FF20}']) {
            self.forget();
        }
        if gap.contains('\n') {
            if self.used || self.others > 0 {
                self.forget();
            }
            self.part = None;
        }
    }

    fn word(&mut self, written: &str) {
        let word = written.to_lowercase();
        let pair = format!("{}_{word}", self.last);
        self.last.clone_from(&word);
        // of an address
        if word == "at" {
            self.forget();
        }
        let label = label(&pair).or_else(|| label(&word));
        let joiner = has(&word, Part::Joiner);
        if self.used && !joiner {
            self.forget();
        }
        if let Some(label) = label {
            if self.others > 0 || self.fillers > NEAR {
                self.labels.clear();
            }
            if self.labels.last() != Some(&label) {
                self.labels.push(label);
            }
            (self.others, self.fillers) = (0, 0);
            self.part = Some(Part::Label(label));
        } else if joiner || has(&word, Part::Filler) {
            self.fillers += 1;
            self.part = Some(Part::Filler);
        } else {
            self.part = has(&word, Part::Money).then_some(Part::Money);
            self.other();
        }
    }

    /// Digits that are no number of a person: of a house, of a day.
    pub(super) fn digits(&mut self, count: usize) {
        const WORD: usize = 4;
        if self.used || count > WORD {
            self.forget();
        }
        self.part = None;
        self.other();
    }

    /// A number was found here.
    pub(super) fn number(&mut self) {
        self.used = true;
        self.fillers = 0;
        self.part = None;
        self.last.clear();
    }

    /// What a mask left of a number stands here: it had its label.
    pub(super) fn masked(&mut self) {
        if !self.used {
            self.label(true);
        }
        self.number();
    }

    /// What the number that begins here is said to be. Of `NIK dan KK`, the first number is the first, if `another`
    /// follows.
    pub(super) fn label(&mut self, another: bool) -> Option<Label> {
        if self.labels.len() > 1 && (another || self.used) && !self.labels.contains(&Label::Report) {
            return Some(self.labels.remove(0));
        }
        self.labels.last().copied()
    }

    /// Whether nothing but fillers stands between the label and here.
    pub(super) fn is_close(&self) -> bool {
        self.others == 0
    }

    /// Whether a number was found and no word came since.
    pub(super) fn is_used(&self) -> bool {
        self.used && self.fillers == 0
    }

    /// Whether the last word belongs to money.
    pub(super) fn is_money(&self) -> bool {
        self.part == Some(Part::Money)
    }

    fn other(&mut self) {
        self.others += 1;
        if self.others > FAR {
            self.labels.clear();
        }
    }

    fn forget(&mut self) {
        self.labels.clear();
        (self.others, self.fillers, self.used) = (0, 0, false);
    }
}

/// What a few words name.
pub(super) fn named(words: &str) -> Option<Label> {
    let mut context = Context::default();
    context.read(words);
    context.labels.last().copied()
}
