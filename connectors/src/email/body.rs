//! What a message says and what it brings along.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use mail_parser::{
    Encoding, Message, MessagePart, MimeHeaders, PartType,
    decoders::{
        base64::base64_decode, charsets::map::charset_decoder, quoted_printable::quoted_printable_decode,
    },
};
use muara_normalizer::{draft::Attachment, text};

use crate::email::page;

/// The words as written: the plain text, or the page as text where there is none.
pub(super) fn text(message: &Message<'_>) -> String {
    let plain = joined(message, message.text_bodies());
    if text::has_words(&plain) {
        return plain;
    }
    let page = joined(message, message.html_bodies());
    if text::has_words(&page) {
        return page;
    }
    // the parts of a broken message, which the parser takes for files
    joined(message, message.attachments().filter(|part| part.attachment_name().is_none()))
}

fn joined<'a>(message: &Message<'_>, parts: impl Iterator<Item = &'a MessagePart<'a>>) -> String {
    let mut whole = String::new();
    for part in parts {
        let words = match &part.body {
            PartType::Text(words) => mended(message, part, words).replace("\r\n", "\n"),
            PartType::Html(page) => page::text(&mended(message, part, page)),
            // a multipart whose boundary never comes
            PartType::Binary(bytes) if is_multipart(part) => {
                String::from_utf8_lossy(bytes).replace("\r\n", "\n")
            }
            _ => continue,
        };
        if !text::has_words(&words) {
            continue;
        }
        if !whole.is_empty() {
            whole.push_str("\n\n");
        }
        whole.push_str(words.trim_start_matches(['\n', '\u{feff}']).trim_end());
    }
    whole
}

fn is_multipart(part: &MessagePart<'_>) -> bool {
    part.content_type().is_some_and(|stated| stated.ctype().eq_ignore_ascii_case("multipart"))
}

/// Text whose stated charset is wrong, by its bytes: UTF-8 can hardly be anything else, and what it cannot be is mostly
/// Windows-1252.
fn mended<'a>(message: &Message<'_>, part: &MessagePart<'_>, read: &'a str) -> Cow<'a, str> {
    let broken = read.contains('\u{fffd}');
    let stated = part.content_type().and_then(|stated| stated.attribute("charset")).unwrap_or_default();
    let stated = stated.to_ascii_lowercase();
    let single_byte = ["us-ascii", "ascii", "iso-8859-", "windows-125", "latin1"];
    if read.is_ascii() || !(broken || single_byte.iter().any(|name| stated.starts_with(name))) {
        return Cow::Borrowed(read);
    }
    let (start, end) = (part.offset_body as usize, part.offset_end as usize);
    let Some(raw) = message.raw_message().get(start..end) else { return Cow::Borrowed(read) };
    let bytes = match part.encoding {
        Encoding::None => Some(raw.to_vec()),
        Encoding::QuotedPrintable => quoted_printable_decode(raw),
        Encoding::Base64 => base64_decode(raw),
    };
    match bytes.map(String::from_utf8) {
        Some(Ok(utf8)) => Cow::Owned(utf8),
        Some(Err(error)) if broken && (stated.is_empty() || stated.starts_with("utf")) => {
            charset_decoder(b"windows-1252")
                .map_or(Cow::Borrowed(read), |decode| Cow::Owned(decode(error.as_bytes())))
        }
        _ => Cow::Borrowed(read),
    }
}

/// The files: attachments, pictures within the text, forwarded messages.
pub(super) fn attachments(message: &Message<'_>) -> Vec<Attachment> {
    message.attachments().filter(|part| !part.is_empty()).map(attachment).collect()
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let forwarded = part.is_message();
    let stated = part.content_type().map(|stated| {
        let subtype = stated.subtype().unwrap_or("octet-stream");
        format!("{}/{subtype}", stated.ctype()).to_ascii_lowercase()
    });
    let name = part.attachment_name().map(str::to_owned).or_else(|| {
        let subject = part.message().filter(|_| forwarded)?.subject().unwrap_or("pesan");
        Some(format!("{subject}.eml"))
    });
    Attachment::Inline {
        name: name.as_deref().and_then(file_name),
        content_type: if forwarded { Some("message/rfc822".to_owned()) } else { stated },
        data: BASE64_STANDARD.encode(part.contents()),
    }
}

/// A name without the folders that some programs put before it, and without what no file name has.
fn file_name(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let name = name.trim();
    (!name.is_empty() && name.chars().any(|c| c != '.')).then(|| name.to_owned())
}
