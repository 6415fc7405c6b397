//! A page (HTML) as text: links keep their address, since it may be the place on a map, and quotations get `> ` before
//! their lines, by which they are known later.

use html2text::{config, render::TextDecorator};
use mail_parser::decoders::html::html_to_text;

/// Larger pages are newsletters or attempts to keep us busy: they get the plainer reading, whose time is linear.
const LARGEST_PAGE: usize = 256 * 1024;
/// Wide enough that no line of a letter is broken.
const PAGE_WIDTH: usize = 2000;

/// Letters have some tens of elements within each other.
const DEEPEST: usize = 200;
/// Elements that stay open in good pages, and cannot stand directly within their own kind.
const NEVER_DEEP: &[&str] = &["br", "img", "hr", "meta", "p", "li", "dd", "dt"];

/// The page's words.
pub(super) fn text(page: &str) -> String {
    let rendered = (page.len() <= LARGEST_PAGE && is_shallow(page)).then(|| {
        config::with_decorator(Plain::default())
            .raw_mode(true)
            .allow_width_overflow()
            .string_from_read(page.as_bytes(), PAGE_WIDTH)
    });
    let text = match rendered {
        Some(Ok(text)) => text,
        _ => html_to_text(page),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether elements stand within each other at most so deep that a recursive reading has stack enough. What is closed by
/// something else than its own end counts as open, so this rather says no.
fn is_shallow(page: &str) -> bool {
    let mut open: Vec<String> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (ends, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).take(16).collect();
        let name = name.to_ascii_lowercase();
        if name.is_empty() || NEVER_DEEP.contains(&name.as_str()) {
            continue;
        }
        if !ends {
            open.push(name);
        } else if let Some(at) = open.iter().rposition(|other| *other == name) {
            open.remove(at);
        }
        if open.len() > DEEPEST {
            return false;
        }
    }
    true
}

/// A line with one mark of quotation at most, and without addresses that stand there twice.
fn line(line: &str) -> String {
    let inner = line.trim_start_matches("> ").trim_end();
    let quoted = inner.len() < line.trim_end().len() && line.starts_with('>');
    let mut out = String::from(if quoted { "> " } else { "" });
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (address, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        out.push_str(before);
        let shown = before.trim_end().trim_end_matches('/');
        let bare = address.trim_end_matches('/');
        let short = bare.trim_start_matches("https://").trim_start_matches("http://");
        if !shown.ends_with(bare) && !shown.ends_with(short) {
            out.push_str(" <");
            out.push_str(address);
            out.push('>');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Around a link's address, until it is known whether it is shown; noncharacters of Unicode, which no letter holds.
const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';

/// Writes what matters without ornaments.
#[derive(Clone, Debug, Default)]
struct Plain {
    links: Vec<String>,
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.links.push(url.to_owned());
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        let web = self.links.pop().filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        web.map_or_else(String::new, |url| format!("{OPEN}{url}{CLOSE}"))
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }

    fn header_prefix(&self, _: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Self::default()
    }
}
