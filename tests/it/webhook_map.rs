//! The field map: every slip in it is said at start, in words, all at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use muara_connectors::{Auth, ChannelSettings, Connector, Item, Reject, Request, Verified};

fn webhook() -> &'static Connector {
    muara_connectors::find("webhook").unwrap()
}

fn errors(table: &str) -> Vec<String> {
    let read = (webhook().settings)(table.parse().unwrap());
    read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn every_slip_in_a_map_is_named_at_once() {
    let found = errors(
        r#"
        body = "xml"
        itemz = "$.data"
        ignore_when = [{ path = "type", equals = "ping" }, { path = "$.a", equals = [] }]
        [fields]
        txet = "$.message"
        title = "$.a["
        lat = { path = "$.lat", transforms = ["numbr"] }
        sent_at = { path = "$.t", transforms = [{ local_time = "%Q%d" }, { split = "" }] }
        phone = { pth = "$.phone" }
        kind = {}
        rt = 5
        "#,
    );
    let expected = [
        "unknown key `itemz`",
        "body: unknown variant `xml`, expected `json` or `form`",
        "ignore_when.path: `type` is not a JSONPath",
        "ignore_when.equals: expected a text",
        "fields.text: missing: say where the citizen's words are",
        "fields.txet: unknown variant `txet`, expected one of `external_id`, `title`, `text`",
        "fields.title: `$.a[` is not a JSONPath (RFC 9535), see character",
        "fields.lat.transforms: unknown variant `numbr`, expected one of `trim`",
        "fields.sent_at.transforms: local_time = \"%Q%d\" cannot read a date and time",
        "fields.sent_at.transforms: split needs the characters",
        "unknown key `fields.phone.pth`",
        "fields.kind: needs a `path`, or the transform `constant`",
        "fields.rt: expected a JSONPath, or a table",
    ];
    for words in expected {
        assert!(found.iter().any(|error| error.starts_with(words)), "no `{words}` in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[test]
fn forms_of_local_time_are_checked_by_reading_back() {
    for form in ["%d/%m/%Y %H.%M", "%Y-%m-%d", "%A, %d %B %Y pukul %H.%M WIB", "%d-%b-%y %I:%M %p", "%FT%T%z"]
    {
        let table = format!(
            "fields.text = \"$.t\"\nfields.sent_at = {{ path = \"$.d\", transforms = [{{ local_time = \"{form}\" }}] }}"
        );
        assert_eq!(errors(&table), [""; 0], "{form}");
    }
    for form in ["", "%H:%M", "tanggal", "%d/%m"] {
        let table = format!(
            "fields.text = \"$.t\"\nfields.sent_at = {{ path = \"$.d\", transforms = [{{ local_time = \"{form}\" }}] }}"
        );
        assert_eq!(errors(&table).len(), 1, "{form}");
    }
}

fn decode(table: &str, body: &str) -> Vec<Item> {
    let settings = ChannelSettings {
        id: "w".parse().unwrap(),
        secret: None,
        auth: Auth::Open,
        own: (webhook().settings)(table.parse().unwrap()).unwrap(),
    };
    let request = Request::from_body(Some("application/json"), body.to_owned().into());
    (webhook().decode)(&Verified::on_trial(&request, &settings)).unwrap().items
}

#[test]
fn times_are_read_as_indonesians_write_them() {
    let table = |form: &str| {
        format!(
            "fields.text = \"$.t\"\nfields.sent_at = {{ path = \"$.d\", transforms = [{{ local_time = \"{form}\" }}] }}"
        )
    };
    let cases = [
        ("%d/%m/%Y %H.%M", "03/11/2026 10.10", "2026-11-03T10:10:00"),
        ("%A, %d %B %Y %H.%M WIB", "Selasa, 3 November 2026 10.10 WIB", "2026-11-03T10:10:00"),
        ("%d %b %Y %H:%M", "17 Agu 2026 09:05", "2026-08-17T09:05:00"),
        ("%d %B %Y", "1 Mei 2026", "2026-05-01T00:00:00"),
        ("%d %B %Y", "9 Desember 2025", "2025-12-09T00:00:00"),
        ("%FT%T%z", "2026-11-03T10:10:00+0800", "2026-11-03T02:10:00Z"),
    ];
    for (form, written, expected) in cases {
        let items = decode(&table(form), &serde_json::json!({ "t": "x", "d": written }).to_string());
        let [Item::Draft(draft)] = items.as_slice() else { panic!("{written}: {items:?}") };
        let time = match draft.sent_at.as_ref().unwrap() {
            muara_normalizer::draft::SourceTime::Instant(instant) => instant.to_string(),
            muara_normalizer::draft::SourceTime::Naive(civil) => civil.to_string(),
            muara_normalizer::draft::SourceTime::Unreadable(text) => format!("unreadable: {text}"),
        };
        assert_eq!(time, expected, "{written}");
    }
}

#[test]
fn hostile_html_is_read_or_refused_in_bounded_time() {
    let table = "fields.text = { path = \"$.h\", transforms = [\"html_to_text\"] }";
    let many = 120 * 1024;
    let fill = |piece: &str| piece.repeat(many / piece.len());
    let pages = [
        fill("<div>"),
        fill("<div></x>"),
        fill("<div><!--</div>-->"),
        fill("<div a='</div>'>"),
        fill("<blockquote>x"),
        fill("<table><tr><td>"),
        fill("<ul><li>"),
        fill("<hr>x"),
        fill("<b><i><p>x"),
        fill("&#7;&nbsp;"),
        fill("<a href=x>"),
        fill("<pre>\u{7}\t"),
        format!("<table><tr>{}", fill("<td colspan=999999999>x")),
        format!("{}x", fill("<!--")),
        "x".repeat(many) + "<p>",
        "\u{200d}<p>\0</p>".to_owned(),
    ];
    for page in &pages {
        let started = Instant::now();
        let items = decode(table, &serde_json::json!({ "h": page }).to_string());
        assert_eq!(items.len(), 1);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?} for {}", &page[..40.min(page.len())]);
    }
    let items = decode(table, &serde_json::json!({ "h": "<p>".repeat(100_000) }).to_string());
    assert!(matches!(
        items.as_slice(),
        [Item::Rejected { reason: Reject::Field { field, .. }, .. }] if field == "text"
    ));
}
