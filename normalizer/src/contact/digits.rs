//! Where digits stand in a text, whatever script they are in and whatever invisible stands between them.

use unicode_normalization::UnicodeNormalization;

/// Digits that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// First byte.
    pub(super) start: usize,
    /// First byte after the last digit.
    pub(super) end: usize,
    /// The digits as `0` to `9`.
    pub(super) digits: String,
    /// The sign that can be seen right before it.
    pub(super) before: Option<char>,
    /// What stands between it and the next one.
    pub(super) joint: Joint,
    /// A mask's asterisk touches it: what is shown of a number that was found before.
    pub(super) spent: bool,
}

/// What stands between two groups of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// White space in a line.
    Space,
    /// A hyphen or underscore.
    Hyphen,
    /// A hyphen with space around it: as often a range.
    Dash,
    /// A full stop.
    Dot,
    /// A bracket.
    Bracket,
    /// A slash.
    Slash,
    /// Anything else, or nothing more to come.
    None,
}

/// All groups of a text, in order.
pub(super) fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut open = false;
    let mut before = None;
    let mut between = 0;
    for (place, c) in text.char_indices() {
        if invisible(c) {
            continue;
        }
        if let Some(digit) = digit(c) {
            let end = place + c.len_utf8();
            match groups.last_mut().filter(|_| open) {
                Some(group) => {
                    group.digits.push(digit);
                    group.end = end;
                }
                None => {
                    if let Some(last) = groups.last_mut() {
                        last.joint = Joint::of(&text[between..place]);
                    }
                    groups.push(Group {
                        start: place,
                        end,
                        digits: digit.to_string(),
                        before,
                        joint: Joint::None,
                        spent: before == Some('*'),
                    });
                }
            }
            open = true;
            between = end;
        } else {
            if open && c == '*' {
                groups.iter_mut().last().into_iter().for_each(|last| last.spent = true);
            }
            open = false;
        }
        before = Some(c);
    }
    groups
}

impl Joint {
    fn of(between: &str) -> Self {
        let mut sign = None;
        let mut spaces = 0;
        for c in between.chars().filter(|c| !invisible(*c)) {
            let kind = match c {
                '\n' | '\r' | '\u{2028}' | '\u{2029}' => return Self::None,
                c if c.is_whitespace() || c == '\u{2800}' => {
                    spaces += 1;
                    if spaces > 3 {
                        return Self::None;
                    }
                    continue;
                }
                '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}' => Self::Hyphen,
                '.' | '\u{B7}' | '\u{2022}' | '\u{FF0E}' => Self::Dot,
                '(' | ')' | '\u{FF08}' | '\u{FF09}' => Self::Bracket,
                '/' | '\u{FF0F}' => Self::Slash,
                _ => return Self::None,
            };
            sign = match sign {
                None => Some(kind),
                Some(Self::Bracket) => Some(Self::Bracket),
                Some(_) if kind == Self::Bracket => Some(Self::Bracket),
                Some(_) => return Self::None,
            };
        }
        match sign {
            None => Self::Space,
            Some(Self::Hyphen) if spaces > 0 => Self::Dash,
            Some(Self::Dot) if spaces > 0 => Self::None,
            Some(sign) => sign,
        }
    }
}

/// The value of a digit in any script, circled or raised ones too, as `0` to `9`.
fn digit(c: char) -> Option<char> {
    /// The zeros of the decimal digits that people write in the basic plane.
    const ZEROS: [u32; 36] = [
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
        0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
        0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0,
    ];
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    if !c.is_numeric() {
        return None;
    }
    let code = u32::from(c);
    if let Some(zero) = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
        return char::from_digit(code - zero, 10);
    }
    let mut plain = std::iter::once(c).nfkc().filter(|c| !matches!(c, '.' | '(' | ')' | ','));
    plain.next().filter(|first| first.is_ascii_digit() && plain.next().is_none())
}

/// What cannot be seen between two digits, or only decorates them.
pub(super) fn invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{20D0}'..='\u{20F0}' | '\u{300}'..='\u{36F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
        || (c.is_control() && !c.is_whitespace())
}
