//! Phone numbers in E.164.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

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
