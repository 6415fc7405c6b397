//! The alphabets of short messages (3GPP TS 23.038) in both directions.
//!
//! SMPP carries one septet of GSM-7 in one octet; few centres pack them as on the air.

use serde::Deserialize;

use crate::reject::Reject;

/// What a centre means by `data_coding` 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Alphabet {
    /// GSM-7, one septet in one octet.
    #[default]
    Gsm7,
    /// GSM-7, eight septets in seven octets.
    Gsm7Packed,
    /// ISO 8859-1, of which ASCII is a part.
    Latin1,
    /// UTF-16, high octet first.
    Ucs2,
    /// UTF-8.
    Utf8,
}

const ESCAPE: u8 = 0x1B;

/// The default alphabet by septet; the escape stands for itself.
const GSM7: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1B}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// What the escape makes of a septet.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The alphabet of a `data_coding`; nothing for octets that are no text. `default` is what the centre means by 0.
pub(super) fn alphabet(coding: u8, default: Alphabet) -> Result<Alphabet, Reject> {
    // a packed centre packs whatever is GSM-7
    let gsm7 = if default == Alphabet::Gsm7Packed { default } else { Alphabet::Gsm7 };
    let by_class = |bits: u8| match bits & 0x0C {
        0x00 => Some(gsm7),
        0x08 => Some(Alphabet::Ucs2),
        _ => None,
    };
    let known = match coding {
        0 => Some(default),
        1 | 3 => Some(Alphabet::Latin1),
        8 => Some(Alphabet::Ucs2),
        // with a message class; the bit 0x20 says compressed
        0x10..=0x1F => by_class(coding),
        // message waiting: keep or store, then the same in UCS-2
        0xC0..=0xDF => Some(gsm7),
        0xE0..=0xEF => Some(Alphabet::Ucs2),
        0xF0..=0xFF if coding & 0x04 == 0 => Some(gsm7),
        _ => None,
    };
    known.ok_or_else(|| Reject::Field {
        field: "data_coding".to_owned(),
        detail: format!("0x{coding:02X} is no text that this connector reads"),
    })
}

/// Reads a text; for packed GSM-7 its septets, already unpacked.
pub(super) fn read(alphabet: Alphabet, octets: &[u8]) -> Result<String, Reject> {
    match alphabet {
        Alphabet::Gsm7 | Alphabet::Gsm7Packed => gsm7(octets),
        Alphabet::Latin1 => Ok(octets.iter().map(|&octet| char::from(octet)).collect()),
        Alphabet::Ucs2 => {
            let units = octets.chunks_exact(2);
            if !units.remainder().is_empty() {
                return Err(coding("UCS-2 with an odd number of octets"));
            }
            let units = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            // half a character (its other half is in a part that never came) must not cost the rest
            Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        Alphabet::Utf8 => match str::from_utf8(octets) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(coding("not UTF-8, as `default_alphabet` says")),
        },
    }
}

fn coding(detail: &str) -> Reject {
    Reject::Field { field: "short_message".to_owned(), detail: detail.to_owned() }
}

fn gsm7(octets: &[u8]) -> Result<String, Reject> {
    let mut text = String::with_capacity(octets.len());
    let mut rest = octets.iter().copied();
    while let Some(octet) = rest.next() {
        let (octet, escaped) = match octet {
            // the standard shows a lonely escape as a space
            ESCAPE => rest.next().map_or((0x20, false), |next| (next, true)),
            octet => (octet, false),
        };
        let Some(&plain) = GSM7.get(usize::from(octet)) else {
            return Err(coding(
                "octets above 0x7F are no GSM-7; set `default_alphabet` to what the centre sends",
            ));
        };
        let extended = EXTENSION.iter().find(|(septet, _)| escaped && *septet == octet);
        // an extension that is not known is shown as its septet in the default alphabet
        let shown = extended.map_or(plain, |(_, shown)| *shown);
        text.push(if shown == char::from(ESCAPE) { ' ' } else { shown });
    }
    Ok(text)
}

/// The septets in packed octets; `header` octets stood before them and set where the first one begins.
pub(super) fn unpack(octets: &[u8], header: usize) -> Vec<u8> {
    let bits = octets.len() * 8;
    let mut at = (7 - header * 8 % 7) % 7;
    let mut septets = Vec::with_capacity(bits / 7);
    while at + 7 <= bits {
        let (index, shift) = (at / 8, at % 8);
        let next = octets.get(index + 1).copied().unwrap_or_default();
        let pair = u16::from_le_bytes([octets[index], next]);
        septets.push(u8::try_from(pair >> shift & 0x7F).unwrap_or_default());
        at += 7;
    }
    // seven bits to spare look like an `@`, or are filled with a carriage return
    if at == bits && matches!(septets.last(), Some(0 | 0x0D)) {
        septets.pop();
    }
    septets
}

/// A text as it goes out: its units (a character that needs two octets or more is one unit) and its `data_coding`.
pub(super) struct Written {
    /// What must not be torn apart.
    pub(super) units: Vec<Vec<u8>>,
    /// How it is read.
    pub(super) coding: u8,
    /// Octets in one message that stands alone.
    pub(super) alone: usize,
    /// Octets in one part of several: a header with a number of 16 bits takes seven octets of 140.
    pub(super) part: usize,
}

/// Writes a text in the smallest alphabet that holds all of it.
pub(super) fn write(text: &str, default: Alphabet) -> Written {
    if default == Alphabet::Gsm7
        && let Some(units) = text.chars().map(septets).collect()
    {
        return Written { units, coding: 0, alone: 160, part: 152 };
    }
    let latin: Option<Vec<_>> =
        text.chars().map(|c| u8::try_from(u32::from(c)).ok().map(|c| vec![c])).collect();
    if default == Alphabet::Latin1
        && let Some(units) = latin
    {
        return Written { units, coding: 3, alone: 140, part: 133 };
    }
    let units = text.chars().map(|c| {
        let mut pair = [0; 2];
        c.encode_utf16(&mut pair).iter().flat_map(|unit| unit.to_be_bytes()).collect()
    });
    Written { units: units.collect(), coding: 8, alone: 140, part: 132 }
}

fn septets(c: char) -> Option<Vec<u8>> {
    if let Some((septet, _)) = EXTENSION.iter().find(|(_, extended)| *extended == c) {
        return Some(vec![ESCAPE, *septet]);
    }
    let at = GSM7.iter().position(|plain| *plain == c && c != char::from(ESCAPE))?;
    u8::try_from(at).ok().map(|septet| vec![septet])
}

impl Written {
    /// The messages it takes, none of them longer than is allowed.
    pub(super) fn parts(&self) -> Vec<Vec<u8>> {
        let whole = self.units.concat();
        if whole.len() <= self.alone {
            return vec![whole];
        }
        let mut parts = vec![Vec::new()];
        for unit in &self.units {
            if let Some(last) = parts.last_mut()
                && last.len() + unit.len() <= self.part
            {
                last.extend_from_slice(unit);
            } else {
                parts.push(unit.clone());
            }
        }
        parts
    }
}
