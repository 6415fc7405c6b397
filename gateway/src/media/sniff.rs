//! What a file is, by its content; what its vendor calls it does not count.

/// What is kept if the configuration says nothing else.
pub const ALLOWED: &[&str] = &[
    "image/*",
    "audio/*",
    "video/*",
    "application/pdf",
    "application/rtf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "text/plain",
];

/// What a browser or a system would run, whatever the configuration says.
const NEVER: &[(&str, &str)] = &[
    ("text/html", "scripts may be in it"),
    ("text/xml", "scripts may be in it"),
    ("image/svg+xml", "scripts may be in it"),
    ("text/x-shellscript", "it is a program"),
    ("application/x-executable", "it is a program"),
    ("application/x-mach-binary", "it is a program"),
    ("application/vnd.microsoft.portable-executable", "it is a program"),
    ("application/wasm", "it is a program"),
    ("application/java", "it is a program"),
];

/// Why a type is never kept, if it is not.
#[must_use]
pub fn never(name: &str) -> Option<&'static str> {
    if name == "*/*" || name == "*" {
        return Some("name the kinds of files that may be kept");
    }
    NEVER.iter().find(|(never, _)| *never == name).map(|(_, why)| *why)
}

/// What a content is.
#[must_use]
pub fn kind(content: &[u8]) -> Option<&'static str> {
    match infer::get(content) {
        Some(found) => Some(found.mime_type()),
        None => plain(content).then_some("text/plain"),
    }
}

/// Words and nothing else: no control characters, no markup (SVG is markup).
fn plain(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    let text = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    !text.is_empty() && !text.starts_with('<') && !text.contains(control)
}

/// Whether a type is among those that may be kept.
#[must_use]
pub fn allowed(types: &[String], name: &str) -> bool {
    let matches = |entry: &String| match entry.strip_suffix('*') {
        Some(group) => group.ends_with('/') && name.starts_with(group),
        None => entry == name,
    };
    never(name).is_none() && types.iter().any(matches)
}

/// The ending of a kept file's name.
#[must_use]
pub fn ending(content_type: &str) -> &'static str {
    const ENDINGS: &[(&str, &str)] = &[
        ("image/jpeg", "jpg"),
        ("image/png", "png"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
        ("image/heif", "heic"),
        ("audio/ogg", "ogg"),
        ("audio/opus", "opus"),
        ("audio/mpeg", "mp3"),
        ("audio/m4a", "m4a"),
        ("audio/amr", "amr"),
        ("video/mp4", "mp4"),
        ("video/quicktime", "mov"),
        ("application/pdf", "pdf"),
        ("application/rtf", "rtf"),
        ("application/msword", "doc"),
        ("application/vnd.ms-excel", "xls"),
        ("application/vnd.ms-powerpoint", "ppt"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
        ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
        ("application/vnd.oasis.opendocument.text", "odt"),
        ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
        ("application/vnd.oasis.opendocument.presentation", "odp"),
        ("text/plain", "txt"),
    ];
    ENDINGS.iter().find(|(name, _)| *name == content_type).map_or("bin", |(_, ending)| *ending)
}
