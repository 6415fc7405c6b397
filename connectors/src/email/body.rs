//! What a message says and what it brings along.

use base64::{Engine, prelude::BASE64_STANDARD};
use mail_parser::{Message, MessagePart, MimeHeaders, PartType, decoders::html::html_to_text};
use muara_normalizer::{draft::Attachment, text};

/// Larger pages are newsletters or attempts to keep us busy: they get the plainer reading, whose time is linear.
const LARGEST_PAGE: usize = 256 * 1024;
/// Wide enough that no line of a letter is broken.
const PAGE_WIDTH: usize = 2000;

/// The words as written: the plain text, or the page as text where there is none.
pub(super) fn text(message: &Message<'_>) -> String {
    let plain = joined(message.text_bodies());
    if text::has_words(&plain) { plain } else { joined(message.html_bodies()) }
}

fn joined<'a>(parts: impl Iterator<Item = &'a MessagePart<'a>>) -> String {
    let mut whole = String::new();
    for part in parts {
        let words = match &part.body {
            PartType::Text(words) => words.replace("\r\n", "\n"),
            PartType::Html(page) => page_text(page),
            _ => continue,
        };
        if !text::has_words(&words) {
            continue;
        }
        if !whole.is_empty() {
            whole.push_str("\n\n");
        }
        whole.push_str(words.trim_matches(['\n', '\u{feff}']).trim_end());
    }
    whole
}

/// A page as text; a quotation in it gets `> ` before its lines, by which it is known later.
fn page_text(page: &str) -> String {
    let rendered = (page.len() <= LARGEST_PAGE).then(|| {
        html2text::config::plain_no_decorate()
            .raw_mode(true)
            .allow_width_overflow()
            .empty_img_mode(html2text::config::ImageRenderMode::IgnoreEmpty)
            .string_from_read(page.as_bytes(), PAGE_WIDTH)
    });
    let text = match rendered {
        Some(Ok(text)) => text,
        _ => html_to_text(page),
    };
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
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
