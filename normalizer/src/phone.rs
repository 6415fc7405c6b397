//! Phone numbers in E.164.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, Region};

/// A number as people write it in Indonesia (`0812-3456-7890`, `62812…`, `+62 812 …`) in E.164.
///
/// Nothing for what is not a possible subscriber's number: short codes, alphanumeric senders, account numbers.
#[must_use]
pub fn to_e164(written: &str) -> Option<String> {
    let written = written.trim();
    let digits = written.bytes().filter(u8::is_ascii_digit).count();
    if !(8..=15).contains(&digits) || written.chars().any(char::is_alphabetic) {
        return None;
    }
    let international = if written.starts_with("62") { format!("+{written}") } else { written.to_owned() };
    let number = PHONE_NUMBER_UTIL.parse(&international, Some(Region::ID)).ok()?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
        return None;
    }
    Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

/// Digits found in a text as the number of a person's line in E.164: mobile, or landline with its area. `plus`: a plus
/// stood before them; without it they are of Indonesia, the mobile ones with or without their zero.
#[must_use]
pub fn subscriber(digits: &str, plus: bool) -> Option<String> {
    let digits = digits.strip_prefix("00").filter(|rest| rest.starts_with("62")).unwrap_or(digits);
    let of_here = match digits.strip_prefix("62") {
        Some(rest) => Some(rest.strip_prefix('0').unwrap_or(rest)),
        None if plus && !digits.starts_with('0') => None,
        None => Some(digits.strip_prefix('0').or_else(|| digits.starts_with('8').then_some(digits))?),
    };
    let international = match of_here {
        Some(national) if is_mobile(national) => return Some(format!("+62{national}")),
        // toll-free and premium numbers begin with an eight, too
        Some(national) if !(7..=11).contains(&national.len()) || national.starts_with(['0', '1', '8']) => {
            return None;
        }
        Some(national) => format!("+62{national}"),
        None if (8..=15).contains(&digits.len()) => format!("+{digits}"),
        None => return None,
    };
    let number = PHONE_NUMBER_UTIL.parse(&international, Some(Region::ID)).ok()?;
    let personal = PHONE_NUMBER_UTIL.is_valid_number(&number)
        && matches!(
            PHONE_NUMBER_UTIL.get_number_type(&number),
            PhoneNumberType::Mobile
                | PhoneNumberType::FixedLine
                | PhoneNumberType::FixedLineOrMobile
                | PhoneNumberType::VoIP
                | PhoneNumberType::PersonalNumber
        );
    personal.then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

/// Whether an Indonesian number without its zero is a mobile one (the pattern of libphonenumber, told without it).
fn is_mobile(national: &str) -> bool {
    let mut digits = national.bytes();
    digits.next() == Some(b'8')
        && digits.next().is_some_and(|second| matches!(second, b'1'..=b'3' | b'5'..=b'9'))
        && (9..=12).contains(&national.len())
}
