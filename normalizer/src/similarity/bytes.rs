//! A matter as it is stored: small, and readable by later releases. Subjects are stored by the hashes of their keys, so
//! that rules may be added; what a release does not know any more is left out.

use jiff::Timestamp;

use super::{Matter, Name, SHINGLES, rules::RULES};

/// The form's version.
const VERSION: u8 = 2;

impl Matter {
    /// The matter as it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(320);
        out.push(VERSION);
        out.extend(self.at.as_millisecond().to_be_bytes());
        out.push(u8::from(self.sender.is_some()));
        out.extend(self.sender.iter().flatten());
        out.extend(self.text.to_be_bytes());
        out.extend(self.region.to_be_bytes());
        out.push(u8::from(self.point.is_some()));
        out.extend(self.point.iter().flatten().flat_map(|part| part.to_be_bytes()));
        out.extend(self.rt.to_be_bytes());
        out.extend(self.rw.to_be_bytes());
        numbers(&mut out, self.categories.iter().map(|code| code.to_be_bytes()));
        for list in [&self.subjects, &self.places, &self.details] {
            let keys = list.iter().filter_map(|number| RULES.concept(*number)).map(|concept| concept.key);
            numbers(&mut out, keys.map(u32::to_be_bytes));
        }
        let mut names = Vec::new();
        for name in &self.names {
            let text = name.text.as_bytes();
            names.push([u8::from(name.street), u8::try_from(text.len()).unwrap_or(u8::MAX)]);
        }
        numbers(&mut out, names.into_iter());
        for name in &self.names {
            out.extend(name.text.bytes().take(usize::from(u8::MAX)));
        }
        numbers(&mut out, self.words.iter().map(|word| word.to_be_bytes()));
        out.extend(self.shingles.iter().flat_map(|number| number.to_be_bytes()));
        numbers(&mut out, self.photos.iter().map(|photo| photo.to_be_bytes()));
        out
    }

    /// Reads what was stored; nothing of a form that is not known.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return None;
        }
        let at = Timestamp::from_millisecond(i64::from_be_bytes(input.take()?)).ok()?;
        let sender = if input.byte()? == 0 { None } else { Some(input.take()?) };
        let text = u64::from_be_bytes(input.take()?);
        let region = u32::from_be_bytes(input.take()?);
        let point = if input.byte()? == 0 {
            None
        } else {
            Some([i32::from_be_bytes(input.take()?), i32::from_be_bytes(input.take()?)])
        };
        let (rt, rw) = (u16::from_be_bytes(input.take()?), u16::from_be_bytes(input.take()?));
        let categories = input.list(u32::from_be_bytes)?;
        let mut concepts = || {
            let keys = input.list(u32::from_be_bytes)?;
            Some(keys.into_iter().filter_map(|key| RULES.number(key)).collect())
        };
        let (subjects, places, details) = (concepts()?, concepts()?, concepts()?);
        let heads = input.list(|head: [u8; 2]| head)?;
        let mut names = Vec::with_capacity(heads.len());
        for [street, length] in heads {
            let text = String::from_utf8_lossy(input.some(usize::from(length))?).into_owned();
            names.push(Name { street: street != 0, text });
        }
        let words = input.list(u32::from_be_bytes)?;
        let mut shingles = [0; SHINGLES];
        for number in &mut shingles {
            *number = u16::from_be_bytes(input.take()?);
        }
        let photos = input.list(u64::from_be_bytes)?;
        Some(Self {
            at,
            sender,
            text,
            region,
            point,
            rt,
            rw,
            categories,
            subjects,
            places,
            details,
            names,
            words,
            shingles,
            photos,
        })
    }
}

/// How many, and each.
fn numbers<const N: usize>(out: &mut Vec<u8>, list: impl Iterator<Item = [u8; N]>) {
    let start = out.len();
    out.push(0);
    let mut count = 0_u8;
    for number in list.take(usize::from(u8::MAX)) {
        out.extend(number);
        count += 1;
    }
    out[start] = count;
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn some(&mut self, count: usize) -> Option<&'a [u8]> {
        let (some, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(some)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.some(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn list<const N: usize, T>(&mut self, read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let count = self.byte()?;
        let mut list = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            list.push(read(self.take()?));
        }
        Some(list)
    }
}
