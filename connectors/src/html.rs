//! HTML as text.

use html2text::render::TrivialDecorator;

/// The words of an HTML text. Lines are not wrapped: a width is only a bound for what a page may ask for.
pub(crate) fn to_text(html: &str) -> Result<String, String> {
    const LONGEST: usize = 128 * 1024;
    const WIDTH: usize = 100_000;
    if html.len() > LONGEST {
        return Err(format!("more than {LONGEST} bytes of HTML"));
    }
    if depth(html) > DEEPEST {
        return Err(format!("HTML with more than {DEEPEST} elements open at once"));
    }
    if !html.contains(['<', '&']) {
        return Ok(html.to_owned());
    }
    html2text::config::with_decorator(TrivialDecorator::new())
        .raw_mode(true)
        .no_table_borders()
        .string_from_read(html.as_bytes(), WIDTH)
        .map(|text| text.trim().to_owned())
        .map_err(|error| format!("the HTML cannot be read: {error}"))
}

/// How many elements of an HTML text may be open at once.
const DEEPEST: usize = 200;

/// How many elements are open at most. What the parser needs grows with the square of it, so it is bounded first.
fn depth(html: &str) -> usize {
    /// Elements without content, and those that the next of their kind closes.
    const FLAT: [&str; 23] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
        "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "option",
    ];
    let (mut open, mut most): (Vec<&str>, usize) = (Vec::new(), 0);
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = tag;
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (closes, name) = tag.strip_prefix('/').map_or((false, tag), |name| (true, name));
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = &name[..end];
        let same = |other: &&str| other.eq_ignore_ascii_case(name);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || FLAT.iter().any(same) {
            continue;
        }
        if !closes {
            open.push(name);
        } else if let Some(place) = open.iter().rposition(same) {
            open.truncate(place);
        }
        most = most.max(open.len());
        if most > DEEPEST {
            break;
        }
    }
    most
}
