//! Numbers of persons in a text: which digits belong together, and what they are.

use super::{
    Found, What,
    context::{self, Context, Label},
    digits::{self, Group, Joint},
};
use crate::phone;

/// So many digits has a NIK, and a family card's number.
const NIK: usize = 16;
/// So many digits are somebody's, whatever they are.
const SOMEBODYS: usize = 10;
/// So many are if the words before say so.
const CALLED: usize = 7;
/// As long is an account's number at most, if it is written in groups.
const LONGEST: usize = 20;
/// The area of this city's lines.
const AREA: &str = "021";
/// In so many groups people write one number.
const GROUPS: usize = 10;

/// What some groups are.
struct Read {
    /// The last group.
    last: usize,
    /// Nothing, if everybody may read it.
    what: Option<What>,
    listed: Option<String>,
}

/// Finds them all. Addresses are in `found` already.
pub(super) fn find(text: &str, found: &mut Found) {
    let mut groups = digits::groups(text);
    spend(&mut groups, found);
    let links = links(text);
    let mut link = 0;
    let mut context = Context::default();
    let (mut at, mut read_to) = (0, 0);
    while let Some(group) = groups.get(at) {
        context.read(&text[read_to..group.start]);
        while links.get(link).is_some_and(|link| link.end <= group.start) {
            link += 1;
        }
        let number = Number::new(text, &groups, at);
        let read = match links.get(link).filter(|link| link.start < group.end) {
            _ if !number.is_promising() => None,
            Some(link) => number.in_link(&text[link.clone()]),
            None => number.read(&mut context),
        };
        match read {
            Some(read) => {
                let end = groups[read.last].end;
                if let Some(what) = read.what {
                    found.add(number.start(read.last)..end, what, read.listed);
                }
                context.number();
                (at, read_to) = (read.last + 1, end);
            }
            None => {
                // what is left of a mask stands for the number
                if group.spent {
                    context.masked()
                } else {
                    context.digits(group.digits.len())
                }
                (at, read_to) = (at + 1, group.end);
            }
        }
    }
}

/// The digits of addresses are no numbers.
fn spend(groups: &mut [Group], found: &Found) {
    let mut addresses = found.places.iter().peekable();
    for group in groups {
        while addresses.next_if(|(address, _)| address.end <= group.start).is_some() {}
        group.spent |= addresses.peek().is_some_and(|(address, _)| address.start < group.end);
    }
}

/// Groups from one on, as far as they may be one number.
struct Number<'a> {
    text: &'a str,
    groups: &'a [Group],
    at: usize,
    /// Their digits.
    digits: String,
    /// Where in these each group ends.
    ends: Vec<usize>,
}

impl<'a> Number<'a> {
    fn new(text: &'a str, groups: &'a [Group], at: usize) -> Self {
        let mut number = Self { text, groups, at, digits: String::new(), ends: Vec::new() };
        if !may_begin(&groups[at..]) {
            return number;
        }
        number.digits.reserve(LONGEST);
        number.ends.reserve(GROUPS);
        for group in groups[at..].iter().take(GROUPS) {
            let longer = number.digits.len() + group.digits.len();
            if group.spent || (longer > LONGEST && !number.digits.is_empty()) {
                break;
            }
            number.digits.push_str(&group.digits);
            number.ends.push(longer);
            if group.joint == Joint::None {
                break;
            }
        }
        number
    }
}

impl Number<'_> {
    fn first(&self) -> &Group {
        &self.groups[self.at]
    }

    /// Whether there are enough digits for anything.
    fn is_promising(&self) -> bool {
        self.digits.len() >= CALLED
    }

    fn read(&self, context: &mut Context) -> Option<Read> {
        let glued = self.glued_word();
        let first = self.first();
        let money = context.is_money() && glued.is_none_or(|word| word.len() <= 3);
        let amount = money && !first.digits.starts_with('0');
        let follows = context.is_used();
        let close = context.is_close();
        let label = context.label(self.another_follows()).or_else(|| self.bracketed_label());
        let of_report = close && label == Some(Label::Report);
        let of_thing = close && label == Some(Label::Number);
        let code = glued.is_some_and(|word| {
            word.len() < 3 && word.is_ascii() && !context::names_a_number(&word.to_lowercase())
        });
        let sixteen = self.sixteen(label, close);
        if amount {
            return sixteen;
        }
        sixteen
            .or_else(|| self.phone(label.filter(|_| close), of_thing || code))
            // rather a report's number that is masked than a phone that is not
            .map(|read| if of_report { Read { what: read.what.map(|_| What::Number), ..read } } else { read })
            .or_else(|| self.other(label, close, code, follows))
    }

    /// What stands in a link is for the browser; but a person's number is not shown.
    fn in_link(&self, link: &str) -> Option<Read> {
        let call = ["wa.me/", "phone=", "tel:"].iter().any(|to| link.contains(to));
        if self.first().digits.len() == NIK && is_nik(&self.first().digits) {
            return Some(Read { last: self.at, what: Some(What::Number), listed: None });
        }
        let number = phone::subscriber(&self.first().digits, call && self.first().before == Some('+'))
            .filter(|_| self.first().digits.len() >= SOMEBODYS)?;
        Some(Read { last: self.at, what: Some(What::Phone), listed: call.then_some(number) })
    }

    /// Sixteen digits: a NIK, unless words or digits say otherwise.
    fn sixteen(&self, label: Option<Label>, close: bool) -> Option<Read> {
        let (last, digits) = self.extents(false).find(|(_, digits)| digits.len() == NIK)?;
        let valid = is_nik(digits);
        if !valid && label == Some(Label::Report) && close {
            return None;
        }
        let whole = last == self.at;
        if !valid && !whole && !(close && matches!(label, Some(Label::Nik | Label::Number))) {
            return None;
        }
        if valid && !matches!(label, Some(Label::Number | Label::Report)) {
            return Some(Read { last, what: Some(What::Nik), listed: Some(digits.to_owned()) });
        }
        Some(Read { last, what: Some(What::Number), listed: None })
    }

    /// A subscriber's number. `of_thing`: the words before it name another kind of number.
    fn phone(&self, label: Option<Label>, of_thing: bool) -> Option<Read> {
        let first = self.first();
        let plus = self.plus();
        let called = label == Some(Label::Phone);
        let begins =
            plus || first.digits.starts_with(['0', '6']) || (called && first.digits.starts_with('8'));
        if of_thing {
            return None;
        }
        if !begins {
            return if called { self.local() } else { None };
        }
        // `86…` and `6…` are lines of this city, too, if no more digits follow
        if called
            && !plus
            && first.digits.starts_with(['6', '8'])
            && first.digits.len() < SOMEBODYS - 1
            && let Some(local) = self.local()
        {
            return Some(local);
        }
        let mut best = None;
        let mut fit: Option<Joint> = None;
        for (last, digits) in self.extents(true) {
            let group = &self.groups[last];
            if last > self.at {
                let joint = self.groups[last - 1].joint;
                // a number is written one way, but its country or area may stand apart
                let head = last == self.at + 1 && (plus || is_head(&first.digits));
                if !head
                    && *fit.get_or_insert(joint) != joint
                    && joint != Joint::Bracket
                    && fit != Some(Joint::Bracket)
                {
                    break;
                }
                // `11 00 44 19`
                let pairs = self.groups[last - 1].digits.len() <= 2;
                // `0812 1100 441 9`: the rest of a number that is still short, at a sentence's end
                let rest = digits.len() <= 12 && digits.len() > SOMEBODYS && self.closes(last);
                if best.is_some()
                    && (group.digits.len() < 3 && !pairs && !rest
                        || group.digits.starts_with('0') && joint == Joint::Space && group.digits.len() > 3)
                {
                    break;
                }
            }
            if let Some(number) = phone::subscriber(digits, plus) {
                best = Some((last, number));
                if last == self.at && digits.len() >= SOMEBODYS {
                    break;
                }
            }
        }
        let (last, number) = best?;
        let longer = last > self.at
            && matches!(self.groups[last].joint, Joint::Hyphen | Joint::Dot)
            && fit == Some(self.groups[last].joint)
            && self
                .groups
                .get(last + 1)
                .is_some_and(|next| next.digits.len() > 2 && !next.digits.starts_with("08"));
        let year = self.groups[self.at..=last].get(2).filter(|_| first.digits.len() <= 2);
        if year.is_some_and(|year| year.digits.len() == 4 && year.digits.starts_with("20")) {
            return None;
        }
        if longer {
            let goes_on = |group: &usize| Some(self.groups[*group].joint) == fit;
            let last =
                (last..self.at + self.ends.len() - 1).take_while(goes_on).last().map_or(last, |g| g + 1);
            return Some(Read { last, what: Some(What::Number), listed: None });
        }
        let national = number.strip_prefix("+62").map(|rest| format!("0{rest}"));
        let hotline = national.as_deref().is_some_and(context::is_hotline);
        Some(Read { last, what: (!hotline).then_some(What::Phone), listed: Some(number) })
    }

    /// A line of this city without its area: seven or eight digits, in one group or two.
    fn local(&self) -> Option<Read> {
        let (last, digits) =
            self.extents(false).take(2).filter(|(_, digits)| (7..=8).contains(&digits.len())).last()?;
        let groups = &self.groups[self.at..=last];
        let halves = groups.len() == 1 || groups.iter().all(|group| (3..=4).contains(&group.digits.len()));
        let goes_on = self.ends.get(last + 1 - self.at).is_some()
            && groups.last().is_some_and(|group| group.joint != Joint::Slash);
        if !halves || goes_on || !digits.starts_with(['2', '3', '4', '5', '6', '7', '8']) {
            return None;
        }
        let listed = phone::subscriber(&format!("{AREA}{digits}"), false)?;
        Some(Read { last, what: Some(What::Phone), listed: Some(listed) })
    }

    /// Whether nothing more of the sentence follows a group.
    fn closes(&self, group: usize) -> bool {
        let rest = &self.text[self.groups[group].end..];
        rest.trim_start_matches(' ').starts_with(['\n', '.', ',', ';', ')', '(']) || rest.trim().is_empty()
    }

    /// Whatever else has so many digits that it must be somebody's.
    fn other(&self, label: Option<Label>, close: bool, code: bool, follows: bool) -> Option<Read> {
        let first = self.first();
        let number = |last| Some(Read { last, what: Some(What::Number), listed: None });
        // the digits after a fraction's point
        let tail = !follows
            && matches!(first.before, Some('.' | ','))
            && self.at.checked_sub(1).is_some_and(|before| {
                let before = &self.groups[before];
                before.digits.len() <= 3 && before.end + 1 == first.start
            });
        if code || tail || label == Some(Label::Report) && close {
            return None;
        }
        let called = close && matches!(label, Some(Label::Nik | Label::Number));
        if called {
            let longest = self.extents(false).take_while(|(last, _)| self.one_joint(*last));
            if let Some((last, _)) = longest.filter(|(_, digits)| digits.len() >= CALLED).last() {
                return number(last);
            }
        }
        if first.digits.len() >= SOMEBODYS {
            return (!self.is_money(self.at)).then(|| number(self.at))?;
        }
        let (last, digits) = self.extents(false).take_while(|(last, _)| self.one_joint(*last)).last()?;
        let groups = &self.groups[self.at..=last];
        let enough = match first.joint {
            Joint::Space => {
                digits.len() >= 13
                    && groups.len() >= 3
                    && groups.iter().all(|g| g.digits.len() >= 3)
                    && !groups.iter().all(is_year)
            }
            Joint::Hyphen => digits.len() >= SOMEBODYS && groups.len() >= 2,
            Joint::Dot => digits.len() >= SOMEBODYS && groups.len() >= 3,
            _ => false,
        };
        if enough && !self.is_money(last) { number(last) } else { None }
    }

    /// Up to which group the number may go, and its digits then. `phone`: joints that only phone numbers have, too.
    fn extents(&self, phone: bool) -> impl Iterator<Item = (usize, &str)> {
        let groups = &self.groups[self.at..];
        let joined = groups.iter().scan(true, move |open, group| {
            let now = *open;
            *open &= match group.joint {
                Joint::Space | Joint::Hyphen | Joint::Dot => true,
                Joint::Dash | Joint::Bracket => phone,
                Joint::Slash => phone && is_head(&group.digits),
                Joint::None => false,
            };
            Some(now)
        });
        let open = self.ends.iter().zip(joined).take_while(|(_, open)| *open);
        open.enumerate().map(|(offset, (end, _))| (self.at + offset, &self.digits[..*end]))
    }

    /// Whether the groups up to this one are joined in one way.
    fn one_joint(&self, last: usize) -> bool {
        self.groups[self.at..last].iter().all(|group| group.joint == self.first().joint)
    }

    /// Whether a plus stands before it, maybe with a bracket or space.
    fn plus(&self) -> bool {
        self.lead().contains(['+', '\u{FF0B}'])
    }

    /// The signs before it that belong to it.
    fn lead(&self) -> &str {
        let before = &self.text[..self.first().start];
        let mut signs = before.char_indices().rev().take(4);
        let mut start = before.len();
        let mut plus = false;
        for (place, c) in signs.by_ref() {
            match c {
                '+' | '\u{FF0B}' if !plus => {
                    plus = true;
                    start = place;
                }
                '(' => start = place,
                ' ' if !plus => {}
                c if digits::invisible(c) => {}
                _ => break,
            }
        }
        &before[start..]
    }

    /// Where a number that ends with this group begins: with its plus, and with its bracket if that is closed inside.
    fn start(&self, last: usize) -> usize {
        let lead = self.lead();
        let end = self.groups[last].end;
        let inside = &self.text[self.first().start..end];
        let keep = match lead.find(['+', '\u{FF0B}']) {
            Some(_) if lead.contains('(') && inside.contains(')') => 0,
            Some(plus) => plus,
            None if lead.contains('(') && inside.contains(')') => 0,
            None => lead.len(),
        };
        self.first().start - (lead.len() - keep)
    }

    /// The letters right before the first digit.
    fn glued_word(&self) -> Option<&str> {
        let before = &self.text[..self.first().start];
        self.first().before.filter(|c| c.is_alphabetic())?;
        let start = before.char_indices().rev().take(24).take_while(|(_, c)| c.is_alphabetic()).last()?.0;
        Some(&before[start..])
    }

    /// What a bracket after a number of one group says of it: `3175… (no KK)`.
    fn bracketed_label(&self) -> Option<Label> {
        let rest = self.text[self.first().end..].trim_start_matches(' ').strip_prefix('(')?;
        let end = rest.char_indices().take(24).find(|(_, c)| *c == ')')?.0;
        context::named(&rest[..end])
    }

    /// Whether another number of sixteen digits follows soon, so that two labels are of two numbers.
    fn another_follows(&self) -> bool {
        let next = || self.groups[self.at + 1..].iter().take(8);
        next().any(|group| group.spent) || next().map(|group| group.digits.len()).sum::<usize>() >= NIK - 4
    }

    /// Whether this is an amount, a decimal fraction or a network address.
    fn is_money(&self, last: usize) -> bool {
        let groups = &self.groups[self.at..=last];
        let first = self.first();
        let thousands = last > self.at
            && first.joint == Joint::Dot
            && first.digits.len() <= 3
            && !first.digits.starts_with('0')
            && groups[1..].iter().all(|group| group.digits.len() == 3);
        let fraction = groups.len() == 2 && first.joint == Joint::Dot && first.digits.len() <= 3;
        let written = self.text.get(groups[groups.len() - 1].end..).unwrap_or_default();
        thousands || fraction || (!first.digits.starts_with('0') && context::money_follows(written))
    }
}

/// Whether these groups may begin a number: none is written digit by digit but a phone's. Most digits of a long list end
/// here.
fn may_begin(groups: &[Group]) -> bool {
    match groups {
        [first, second, ..] if first.digits.len() == 1 && second.digits.len() == 1 => {
            first.digits.starts_with(['0', '6', '8'])
        }
        [first] | [first, ..] if first.joint == Joint::None => first.digits.len() >= CALLED,
        _ => true,
    }
}

/// Whether this may be a country's or an area's code.
fn is_head(digits: &str) -> bool {
    matches!(digits, "62" | "062" | "0062") || (digits.starts_with('0') && (3..=4).contains(&digits.len()))
}

fn is_year(group: &Group) -> bool {
    group.digits.len() == 4 && (group.digits.starts_with("19") || group.digits.starts_with("20"))
}

/// Whether sixteen digits are a NIK: province, kota or kabupaten, kecamatan, date (day + 40 for women), serial.
fn is_nik(digits: &str) -> bool {
    let part = |from: usize| digits.get(from..from + 2).and_then(|part| part.parse::<u8>().ok()).unwrap_or(0);
    let (province, city, district) = (part(0), part(2), part(4));
    let (day, month) = (part(6), part(8));
    digits.len() == NIK
        && matches!(province, 11..=19 | 21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97)
        && matches!(city, 1..=39 | 71..=79)
        && (1..=70).contains(&district)
        && matches!(day, 1..=31 | 41..=71)
        && (1..=12).contains(&month)
        && !digits.ends_with("0000")
}

/// Where links stand: a browser's address, not a person's number.
fn links(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut links = Vec::new();
    let mut start = None;
    for (place, c) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
        match (start, c.is_whitespace()) {
            (None, false) => start = Some(place),
            (Some(from), true) => {
                let word: &str = &text[from..place];
                if word.contains("://")
                    || word.starts_with("www.")
                    || word.contains("wa.me/")
                    || word.starts_with("tel:")
                {
                    links.push(from..place);
                }
                start = None;
            }
            _ => {}
        }
    }
    links
}

/// The first four digits stay (with a country's plus: the country and three), and the last three.
pub(super) fn mask_phone(written: &str, out: &mut String) {
    let digits: String = digits::groups(written).into_iter().map(|group| group.digits).collect();
    let plus = written.trim_start_matches('(').starts_with(['+', '\u{FF0B}']);
    let keep = if plus { 5 } else { 4 };
    if plus {
        out.push('+');
    }
    if digits.len() >= SOMEBODYS - 1 {
        out.push_str(digits.get(..keep).unwrap_or_default());
    }
    out.push_str("****");
    out.push_str(digits.get(digits.len().saturating_sub(3)..).unwrap_or_default());
}

/// The last four digits stay.
pub(super) fn mask_number(written: &str, out: &mut String) {
    let digits: String = digits::groups(written).into_iter().map(|group| group.digits).collect();
    let hidden = digits.len().saturating_sub(4);
    out.extend(std::iter::repeat_n('*', hidden));
    out.push_str(digits.get(hidden..).unwrap_or_default());
}
