//! What holds for any draft, text, number or slip of the tongue; and the published schemas, which promise it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, fs, path::Path};

use jiff::SignedDuration;
use muara_normalizer::{
    Draft, Event, ExternalId, IdempotencyKey, NormalizeError, Reference,
    draft::{Attachment, DraftPlace, DraftReporter, SourceTime},
    ids::{BadReference, ReferenceKey},
    phone, schema, text,
};
use proptest::{collection::vec, option, prelude::*};

use crate::{
    fixtures,
    normalizer::{channel, normalizer, now, receipt},
};

const INVISIBLE: [char; 5] = ['\u{200b}', '\u{feff}', '\u{ad}', '\u{202e}', '\u{2066}'];

fn schema_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../normalizer/schema")
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    let mut failures: Vec<_> = schema::all()
        .iter()
        .filter_map(|(name, schema)| {
            fixtures::compare(&schema_folder().join(name), &schema::to_text(schema)).err()
        })
        .collect();
    let known: BTreeSet<_> = schema::all().into_iter().map(|(name, _)| name.to_owned()).collect();
    for file in fs::read_dir(schema_folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if !known.contains(&name) {
            failures.push(format!("normalizer/schema/{name}: no type has this schema"));
        }
    }
    assert!(failures.is_empty(), "stale; BLESS=1 writes them anew\n{}", failures.join("\n"));
}

/// Of the generated schema, which the test above compares with the published one.
fn validator(name: &str) -> jsonschema::Validator {
    let (_, schema) = schema::all().into_iter().find(|(known, _)| *known == name).unwrap();
    jsonschema::validator_for(schema.as_value()).unwrap()
}

fn any_time() -> impl Strategy<Value = SourceTime> {
    prop_oneof![
        any::<i64>().prop_map(SourceTime::unix),
        ".{0,40}".prop_map(|text| SourceTime::parse(&text)),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+]0[0-9]:00)?"
            .prop_map(|text| SourceTime::parse(&text)),
    ]
}

/// Degrees as sources give them, and as they should not.
fn any_degrees() -> impl Strategy<Value = f64> {
    prop_oneof![(-400_000_000..400_000_000_i32).prop_map(|n| f64::from(n) / 1e6), any::<f64>()]
}

fn any_words() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ a\u{200d}\u{fe0f}\u{1f600}\u{301}\u{200b}\r\n\t\u{2028}]{0,30}"]
}

fn any_attachment() -> impl Strategy<Value = Attachment> {
    let content_type = option::of(any::<String>());
    prop_oneof![
        (any::<String>(), content_type.clone())
            .prop_map(|(url, content_type)| Attachment::Url { url, content_type }),
        (any::<String>(), content_type)
            .prop_map(|(handle, content_type)| Attachment::Handle { handle, content_type }),
    ]
}

fn any_place() -> impl Strategy<Value = DraftPlace> {
    let region = prop_oneof![Just("31.75.07.1002"), Just("31.71"), Just("99.99"), Just("31.75.07")];
    let words = || option::of(any_words());
    (
        option::of(any_degrees()),
        option::of(any_degrees()),
        any::<bool>(),
        words(),
        words(),
        words(),
        option::of(region),
    )
        .prop_map(|(lat, lon, device, address, rt, rw, region)| {
            let region = region.map(|code| code.parse().unwrap());
            DraftPlace { lat, lon, device, address, rt, rw, office_region: region.clone(), region }
        })
}

fn any_reporter() -> impl Strategy<Value = DraftReporter> {
    let words = || option::of(any::<String>());
    (words(), words(), words(), words(), words(), any::<bool>(), any::<bool>()).prop_map(
        |(id, name, phone, email, nik, anonymous, private)| DraftReporter {
            id,
            also: Vec::new(),
            name,
            phone,
            email,
            nik,
            anonymous,
            private,
        },
    )
}

fn any_draft() -> impl Strategy<Value = Draft> {
    let words = || option::of(any_words());
    let said = (option::of(any::<String>()), words(), any_words(), words(), words(), words());
    let around = (any_place(), any_reporter(), vec(any_attachment(), 0..4));
    (said, around, option::of(any_time()), option::of(any_time())).prop_map(
        |((id, title, text, category, url, thread), (place, reporter, attachments), sent_at, occurred_at)| {
            Draft {
                external_id: id.and_then(ExternalId::new),
                title,
                text,
                category,
                url,
                thread,
                place,
                reporter,
                attachments,
                sent_at,
                occurred_at,
                ..Draft::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Never panics, gives the same for the same, and consumers can rely on the schema.
    #[test]
    fn any_draft_becomes_a_valid_complaint_or_is_empty(draft in any_draft()) {
        thread_local! {
            static EVENT: jsonschema::Validator = validator("complaint.received.v1.json");
            static COMPLAINT: jsonschema::Validator = validator("complaint.v1.json");
        }
        let empty = draft.is_empty() && !draft.has_point();
        let result = normalizer(1).normalize(draft.clone(), &receipt());
        prop_assert_eq!(&result, &normalizer(1).normalize(draft.clone(), &receipt()));
        prop_assert_eq!(IdempotencyKey::of(&channel("a"), &draft), IdempotencyKey::of(&channel("a"), &draft));
        match result {
            Err(NormalizeError::Empty) => prop_assert!(empty),
            Ok(made) => {
                prop_assert!(!empty);
                let complaint = made.complaint;
                prop_assert_eq!(made.original.as_ref().unwrap_or(&complaint.original), &draft.text);
                prop_assert_eq!(complaint.attachments.len(), draft.attachments.len());
                prop_assert!(complaint.sent_at <= now() + SignedDuration::from_mins(5));
                let json = serde_json::to_value(&complaint).unwrap();
                let wrong: Vec<_> = COMPLAINT.with(|v| v.iter_errors(&json).map(|e| e.to_string()).collect());
                prop_assert!(wrong.is_empty(), "{:?}", wrong);
                let json = serde_json::to_value(Event::received(complaint)).unwrap();
                let wrong: Vec<_> = EVENT.with(|v| v.iter_errors(&json).map(|e| e.to_string()).collect());
                prop_assert!(wrong.is_empty(), "{:?}", wrong);
            }
        }
    }

    /// The inbox keeps drafts as JSON: what comes out again must give the same complaint and the same key.
    #[test]
    fn a_draft_survives_being_stored(mut draft in any_draft()) {
        let degrees = |value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| (v * 1e6).round() / 1e6).filter(|v| v.abs() < 1e4);
        draft.place.lat = degrees(draft.place.lat);
        draft.place.lon = degrees(draft.place.lon);
        let stored: Draft = serde_json::from_str(&serde_json::to_string(&draft).unwrap()).unwrap();
        prop_assert_eq!(IdempotencyKey::of(&channel("a"), &stored), IdempotencyKey::of(&channel("a"), &draft));
        prop_assert_eq!(stored, draft);
    }

    #[test]
    fn cleaning_is_done_after_one_time(words in any_words()) {
        let once = text::clean(&words);
        prop_assert_eq!(&text::clean(&once), &once);
        let invisible = |c: char| (c.is_control() && c != '\n') || INVISIBLE.contains(&c);
        prop_assert!(!once.contains(invisible));
        prop_assert!(!once.contains("  ") && !once.contains("\n\n\n") && once.trim() == once);
        let line = text::clean_line(&words);
        prop_assert_eq!(line.as_deref().and_then(text::clean_line), line.clone());
        prop_assert!(!line.unwrap_or_default().contains('\n'));
        let folded = text::fold(&words);
        prop_assert_eq!(text::fold(&folded), folded);
    }

    #[test]
    fn phone_numbers_are_e164_or_nothing(written in "[+0-9 ().-]{0,20}") {
        if let Some(number) = phone::to_e164(&written) {
            prop_assert!(number.starts_with('+') && number[1..].bytes().all(|b| b.is_ascii_digit()) && number.len() <= 16);
            let again = phone::to_e164(&number);
            prop_assert_eq!(again, Some(number));
        }
    }

    #[test]
    fn a_reference_leads_back_to_its_serial(serial in 0..900_000_000_000_u64, key in any::<[u8; 16]>()) {
        let key = ReferenceKey::new(key);
        let reference = key.reference(serial);
        prop_assert_eq!(key.serial(&reference), serial);
        prop_assert_eq!(reference.as_str().parse::<Reference>(), Ok(reference.clone()));
        prop_assert!(reference.as_str().bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'-'));
    }

    /// One symbol misheard, or two neighbours exchanged, is never another valid reference.
    #[test]
    fn every_slip_is_noticed(serial in 0..900_000_000_000_u64) {
        let reference = ReferenceKey::new([9; 16]).reference(serial);
        let symbols: Vec<char> = reference.as_str().chars().filter(|c| *c != '-').collect();
        for place in 0..symbols.len() {
            for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|c| *c != symbols[place]) {
                let mut slip = symbols.clone();
                slip[place] = other;
                let slip: String = slip.into_iter().collect();
                prop_assert_eq!(slip.parse::<Reference>(), Err(BadReference::Check), "{} for {}", slip, reference);
            }
        }
        for place in 1..symbols.len() {
            let mut swapped = symbols.clone();
            swapped.swap(place - 1, place);
            if swapped != symbols {
                let swapped: String = swapped.into_iter().collect();
                prop_assert_eq!(swapped.parse::<Reference>(), Err(BadReference::Check), "{} for {}", swapped, reference);
            }
        }
    }

    #[test]
    fn whatever_is_typed_as_a_reference_is_answered(typed in any::<String>()) {
        if let Ok(reference) = typed.parse::<Reference>() {
            prop_assert_eq!(reference.as_str().len(), 11);
        }
    }
}
