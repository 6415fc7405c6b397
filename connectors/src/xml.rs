//! XML as old vendors post it, read into the shape of JSON so that fields are read in one way.
//!
//! Document types are refused and only the five predefined entities and character references are resolved: nothing
//! expands, nothing is fetched.

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};
use serde_json::{Map, Value};

use crate::reject::Reject;

/// Deeper than any vendor nests.
const DEEPEST: usize = 16;

/// Whether a body is XML and not JSON.
pub(crate) fn is_xml(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// An attribute of the root element. Reads no further than the root's start tag.
pub(crate) fn root_attribute(body: &[u8], name: &str) -> Option<String> {
    // what comes after the root's start tag need not be readable
    let readable = match str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => str::from_utf8(body.get(..error.valid_up_to())?).ok()?,
    };
    let mut reader = Reader::from_str(readable);
    loop {
        match reader.read_event().ok()? {
            Event::Start(root) | Event::Empty(root) => {
                let found = attributes(&root)?;
                return found.into_iter().find(|(key, _)| key == name).map(|(_, value)| value);
            }
            Event::DocType(_) | Event::Eof => return None,
            _ => {}
        }
    }
}

/// An open element.
struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// The content of the root element, whose name must be `root`.
///
/// Attributes and elements are members, repeated ones a list; an element with neither is its text.
pub(crate) fn parse(body: &[u8], root: &str, expected: &'static str) -> Result<Value, Reject> {
    let text = str::from_utf8(body).map_err(|error| syntax("is not UTF-8", error.valid_up_to() as u64))?;
    let mut reader = Reader::from_str(text);
    // the document around the root
    let mut open = vec![Element { name: String::new(), members: Map::new(), text: String::new() }];
    loop {
        let event = reader.read_event().map_err(|_| syntax("broken markup", reader.error_position()))?;
        let at = reader.buffer_position();
        let depth = open.len();
        let Some(current) = open.last_mut() else { return Err(syntax("broken markup", at)) };
        match event {
            Event::Start(start) if depth <= DEEPEST => open.push(element(&start, at)?),
            Event::Start(_) => return Err(syntax("nested too deeply", at)),
            Event::Empty(start) => close(current, element(&start, at)?),
            Event::End(_) => {
                let Some(ended) = open.pop() else { return Err(syntax("broken markup", at)) };
                let Some(parent) = open.last_mut() else { return Err(syntax("broken markup", at)) };
                close(parent, ended);
            }
            Event::Text(text) => current.text.push_str(&text.xml10_content()),
            Event::CData(text) => current.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => current.text.push_str(&resolved(&reference, at)?),
            Event::DocType(_) => return Err(syntax("a document type is not accepted", at)),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    let end = reader.buffer_position();
    let document = match open.pop() {
        Some(document) if open.is_empty() => document,
        _ => return Err(syntax("it ends within an element", end)),
    };
    if !document.text.trim().is_empty() {
        return Err(syntax("text outside of the root element", end));
    }
    let mut roots = document.members.into_iter();
    match (roots.next(), roots.next()) {
        (Some((_, Value::Array(_))), _) | (_, Some(_)) => Err(syntax("more than one root element", end)),
        (Some((name, content)), None) if name == root => Ok(content),
        (Some(_), None) => Err(Reject::Shape { expected }),
        (None, None) => Err(syntax("no element", end)),
    }
}

fn element(start: &BytesStart<'_>, at: u64) -> Result<Element, Reject> {
    let mut members = Map::new();
    for (name, value) in attributes(start).ok_or_else(|| syntax("broken attributes", at))? {
        insert(&mut members, name, Value::String(value));
    }
    Ok(Element { name: start.name().as_ref().to_owned(), members, text: String::new() })
}

/// The attributes; nothing where one cannot be read or comes twice.
fn attributes(start: &BytesStart<'_>) -> Option<Vec<(String, String)>> {
    let mut read = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        read.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Some(read)
}

fn close(parent: &mut Element, mut ended: Element) {
    let value = if ended.members.is_empty() {
        Value::String(ended.text)
    } else {
        if !ended.text.trim().is_empty() {
            insert(&mut ended.members, "#text".to_owned(), Value::String(ended.text));
        }
        Value::Object(ended.members)
    };
    insert(&mut parent.members, ended.name, value);
}

fn insert(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        None => {
            members.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn resolved(reference: &BytesRef<'_>, at: u64) -> Result<String, Reject> {
    let character = reference.resolve_char_ref().map_err(|_| syntax("no such character", at))?;
    character
        .map(String::from)
        .or_else(|| resolve_predefined_entity(reference).map(str::to_owned))
        .ok_or_else(|| syntax("an entity that XML does not know by itself", at))
}

fn syntax(what: &str, at: u64) -> Reject {
    Reject::Syntax { syntax: "XML", detail: format!("{what} at byte {at}") }
}
