//! The rules of the normalizer as consumers, citizens and operators meet them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp, civil};
use muara_normalizer::{
    ChannelId, Complaint, ComplaintId, Draft, Event, ExternalId, IdempotencyKey, NormalizeError, Normalizer,
    Receipt, Reference, category,
    complaint::{AttachmentKind, Flag, LocationSource},
    draft::{Attachment, DraftPlace, DraftReporter, SourceTime},
    identity::PrivacyKey,
    ids::{BadReference, ReferenceKey},
    phone, place,
    region::{self, Level, RegionCode},
    text, time,
};

const NOW: &str = "2026-11-03T03:15:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn channel(id: &str) -> ChannelId {
    id.parse().unwrap()
}

pub(crate) fn receipt() -> Receipt {
    Receipt {
        id: ComplaintId::from_parts(now(), &[5; 10]),
        reference: ReferenceKey::new([7; 16]).reference(1),
        channel: channel("qlue"),
        connector: "qlue".to_owned(),
        received_at: now(),
    }
}

pub(crate) fn normalizer(key: u8) -> Normalizer {
    Normalizer::new(PrivacyKey::new(&format!("{key:02x}").repeat(32)).unwrap())
}

pub(crate) fn normalize(draft: Draft) -> Complaint {
    normalizer(1).normalize(draft, &receipt()).unwrap().complaint
}

pub(crate) fn said(words: &str) -> Draft {
    Draft { text: words.to_owned(), ..Draft::default() }
}

// References

#[test]
fn no_two_serials_share_a_reference() {
    let key = ReferenceKey::new([3; 16]);
    let references: BTreeSet<_> = (0..20_000).map(|serial| key.reference(serial).to_string()).collect();
    assert_eq!(references.len(), 20_000);
}

#[test]
fn a_reference_is_read_as_people_write_it() {
    let key = ReferenceKey::new([3; 16]);
    let reference =
        (0..).map(|serial| key.reference(serial)).find(|r| r.as_str().contains(['0', '1'])).unwrap();
    let printed = reference.as_str();
    let written = [
        printed.to_lowercase(),
        printed.replace('-', ""),
        printed.replace('-', " . "),
        printed.replace('0', "O").replace('1', "I"),
        printed.replace('0', "o").replace('1', "l"),
    ];
    for text in written {
        assert_eq!(text.parse(), Ok(reference.clone()), "{text}");
    }
    for text in ["", "-", "7K3M", &format!("{printed}0"), &printed.replace('-', "/"), "UUUU-UUUU-U"] {
        assert_eq!(text.parse::<Reference>(), Err(BadReference::Form), "{text}");
    }
}

// Idempotency

#[test]
fn equal_keys_mean_the_same_message() {
    let key = |channel_id: &str, draft: &Draft| IdempotencyKey::of(&channel(channel_id), draft).text;
    let with_id = |id: &str, words: &str| Draft { external_id: ExternalId::new(id), ..said(words) };
    let from = |id: &str, words: &str| Draft {
        reporter: DraftReporter { id: Some(id.to_owned()), ..DraftReporter::default() },
        ..said(words)
    };
    let calling = |number: &str| Draft {
        reporter: DraftReporter { phone: Some(number.to_owned()), ..DraftReporter::default() },
        ..said("Banjir")
    };
    let sent = |second: i64| Draft { sent_at: Some(SourceTime::unix(second)), ..said("Banjir") };
    let photo = |url: &str| Draft {
        attachments: vec![Attachment::Url { url: url.to_owned(), content_type: None }],
        ..from("1", "Banjir")
    };
    let long = "x".repeat(70);
    let same = [
        (with_id("7", "Banjir"), with_id("7", "Banjir, sudah surut")),
        (from("1", "Banjir"), from("1", "Banjir")),
        (calling("0812-3456-7890"), calling("+62 812 3456 7890")),
        (sent(1_793_675_400), sent(1_793_675_400)),
    ];
    for (one, other) in same {
        assert_eq!(key("a", &one), key("a", &other));
    }
    let different = [
        (with_id("7", "Banjir"), with_id("8", "Banjir")),
        (with_id(&format!("{long}1"), "Banjir"), with_id(&format!("{long}2"), "Banjir")),
        (from("1", "Banjir"), from("2", "Banjir")),
        (from("1", "Banjir"), from("1", "Macet")),
        (from("1", "Banjir"), Draft { title: Some("Banjir".to_owned()), ..from("1", "") }),
        (photo("https://a/1"), photo("https://a/2")),
        (sent(1_793_675_400), sent(1_793_675_401)),
        (with_id("7", "Banjir"), said("7")),
    ];
    for (one, other) in different {
        assert_ne!(key("a", &one), key("a", &other), "{one:?} {other:?}");
    }
    assert_ne!(key("a", &with_id("7", "x")), key("b", &with_id("7", "x")), "each channel numbers for itself");
    let hashed = key("a", &from("1", "Banjir"));
    let (_, id) = hashed.split_once('/').unwrap();
    assert_ne!(key("a", &with_id(id, "x")), hashed, "no id can pass for a hash");
}

#[test]
fn without_an_id_an_equal_text_is_a_redelivery_only_for_a_while() {
    let window = |draft: &Draft| IdempotencyKey::of(&channel("a"), draft).window;
    assert_eq!(window(&said("Banjir")), Some(SignedDuration::from_mins(5)));
    assert_eq!(window(&Draft { external_id: ExternalId::new("7"), ..said("Banjir") }), None);
}

// Time

#[test]
fn times_of_sources_become_utc_or_a_flag() {
    let cases = [
        ("2026-11-03 10:10:00", Ok("2026-11-03T03:10:00Z")),
        ("2026-11-03T10:10", Ok("2026-11-03T03:10:00Z")),
        ("2026-11-03T10:10:00+07:00", Ok("2026-11-03T03:10:00Z")),
        ("2026-11-03T03:10:00Z", Ok("2026-11-03T03:10:00Z")),
        (" 2026-11-03T11:10:00+08:00 ", Ok("2026-11-03T03:10:00Z")),
        ("1793675400", Ok("2026-11-03T03:10:00Z")),
        ("1793675400000", Ok("2026-11-03T03:10:00Z")),
        ("2026-11-03 10:19:59", Ok("2026-11-03T03:19:59Z")),
        ("2026-11-03 10:20:01", Err(Flag::TimeInFuture)),
        ("2062-11-03 10:10:00", Err(Flag::TimeInFuture)),
        ("2010-01-01 00:00:00", Ok("2009-12-31T17:00:00Z")),
        ("2009-12-31 23:59:59", Err(Flag::TimeTooOld)),
        ("1970-01-01T00:00:00Z", Err(Flag::TimeTooOld)),
        ("0", Err(Flag::TimeTooOld)),
        ("-1", Err(Flag::TimeTooOld)),
        ("kemarin", Err(Flag::TimeUnreadable)),
        ("2026-13-40 10:10:00", Err(Flag::TimeUnreadable)),
        ("", Err(Flag::TimeUnreadable)),
        ("-9223372036854775808", Err(Flag::TimeUnreadable)),
        ("9223372036854775807", Err(Flag::TimeUnreadable)),
    ];
    for (written, expected) in cases {
        let read = time::credible(&SourceTime::parse(written), now());
        assert_eq!(read, expected.map(|text| text.parse::<Timestamp>().unwrap()), "{written}");
    }
    assert_eq!(time::credible(&SourceTime::Naive(civil::DateTime::MAX), now()), Err(Flag::TimeUnreadable));
    let complaint =
        normalize(Draft { sent_at: Some(SourceTime::parse("2062-01-01 00:00")), ..said("Banjir") });
    assert_eq!((complaint.sent_at, complaint.flags), (now(), vec![Flag::TimeInFuture]));
    let complaint = normalize(Draft {
        occurred_at: Some(SourceTime::parse("besok")),
        sent_at: Some(SourceTime::parse("2026-11-03 10:00")),
        ..said("Banjir")
    });
    assert_eq!((complaint.occurred_at, complaint.flags), (None, vec![Flag::TimeUnreadable]));
    assert_eq!(normalize(said("Banjir")).flags, [Flag::TimeMissing]);
}

// Place

#[test]
fn coordinates_are_believed_put_right_or_flagged() {
    let monas = (-6.1754, 106.8272);
    let cases = [
        ((Some(-6.1754), Some(106.8272)), (Some(monas), None)),
        ((Some(106.8272), Some(-6.1754)), (Some(monas), Some(Flag::CoordinatesSwapped))),
        ((Some(0.0), Some(0.0)), (None, Some(Flag::CoordinatesZero))),
        ((Some(-0.0), Some(0.0)), (None, Some(Flag::CoordinatesZero))),
        ((Some(-6.9175), Some(107.6191)), (Some((-6.9175, 107.6191)), Some(Flag::CoordinatesOutside))),
        ((Some(0.0), Some(106.8)), (Some((0.0, 106.8)), Some(Flag::CoordinatesOutside))),
        ((Some(-6.2), None), (None, Some(Flag::CoordinatesInvalid))),
        ((None, Some(106.8)), (None, Some(Flag::CoordinatesInvalid))),
        ((Some(-620.0), Some(106.8)), (None, Some(Flag::CoordinatesInvalid))),
        ((Some(f64::NAN), Some(106.8)), (None, Some(Flag::CoordinatesInvalid))),
        ((Some(-6.2), Some(f64::INFINITY)), (None, Some(Flag::CoordinatesInvalid))),
        ((None, None), (None, None)),
    ];
    for ((lat, lon), expected) in cases {
        assert_eq!(place::coordinates(lat, lon), expected, "{lat:?} {lon:?}");
    }
}

#[test]
fn a_place_says_what_it_was_taken_from() {
    let code = |text: &str| Some(text.parse::<RegionCode>().unwrap());
    let at = |place: DraftPlace| normalize(Draft { place, ..said("Banjir") }).location;
    let gps = DraftPlace { lat: Some(-6.1754), lon: Some(106.8272), device: true, ..DraftPlace::default() };
    assert_eq!(at(gps).unwrap().source, LocationSource::Gps);
    let office = DraftPlace { office_region: code("31.71.01.1001"), ..DraftPlace::default() };
    let location = at(office.clone()).unwrap();
    assert_eq!(
        (location.source, location.kelurahan.unwrap().code.to_string()),
        (LocationSource::Office, "31.71.01.1001".into())
    );
    let address = DraftPlace {
        address: Some(" Jl.  Melati\n5 ".to_owned()),
        rt: Some("RT. 5".to_owned()),
        rw: Some("012".to_owned()),
        ..DraftPlace::default()
    };
    let location = at(address).unwrap();
    assert_eq!(location.address.as_deref(), Some("Jl. Melati 5"));
    assert_eq!(
        (location.rt.as_deref(), location.rw.as_deref(), location.source),
        (Some("005"), Some("012"), LocationSource::Text)
    );
    let stated = DraftPlace { region: code("31.75"), ..office };
    let location = at(stated).unwrap();
    assert_eq!(
        (location.source, location.kelurahan),
        (LocationSource::Channel, None),
        "the choice, not the office"
    );
    assert_eq!(at(DraftPlace { region: code("99.99"), ..DraftPlace::default() }), None, "no such region");
    assert_eq!(at(DraftPlace { lat: Some(0.0), lon: Some(0.0), ..DraftPlace::default() }), None);
    for (written, unit) in
        [("5", Some("005")), ("RT 003", Some("003")), ("000", None), ("", None), ("1234", None), ("-", None)]
    {
        assert_eq!(place::unit(written).as_deref(), unit, "{written}");
    }
}

#[test]
fn all_regions_are_there_with_those_above_them() {
    let count = |level| region::all().filter(|region| region.level == level).count();
    let counts = [Level::Provinsi, Level::Kota, Level::Kecamatan, Level::Kelurahan].map(count);
    assert_eq!(counts, [1, 6, 44, 267]);
    for region in region::all() {
        for level in [Level::Provinsi, Level::Kota, Level::Kecamatan, Level::Kelurahan] {
            let above = region::at(&region.code, level);
            assert_eq!(above.is_some(), level <= region.level, "{} {level:?}", region.code);
            assert!(above.is_none_or(|above| above.level == level && !above.name.is_empty()));
        }
    }
    for bad in ["", "3", "31.7", "31.75.07.100", "31.75.07.1002.1", "31-75", "31.75.", "３１"] {
        assert!(bad.parse::<RegionCode>().is_err(), "{bad}");
    }
}

// People

#[test]
fn phone_numbers_are_read_as_written_in_indonesia() {
    let cases = [
        ("0812-3456-7890", Some("+6281234567890")),
        ("+62 812 3456 7890", Some("+6281234567890")),
        ("6281234567890", Some("+6281234567890")),
        ("(021) 3456-7890", Some("+622134567890")),
        ("+1 650 253 0000", Some("+16502530000")),
        ("1708", None),
        ("112", None),
        ("JAKARTA", None),
        ("3174012345678901", None),
        ("", None),
    ];
    for (written, expected) in cases {
        assert_eq!(phone::to_e164(written).as_deref(), expected, "{written}");
    }
}

#[test]
fn a_reporter_is_the_same_person_on_one_channel_and_nobody_elsewhere() {
    let reference = |key: u8, channel_id: &str, reporter: DraftReporter| {
        let receipt = Receipt { channel: channel(channel_id), ..receipt() };
        normalizer(key)
            .normalize(Draft { reporter, ..said("Banjir") }, &receipt)
            .unwrap()
            .complaint
            .reporter
            .reference
    };
    let ani = || DraftReporter {
        id: Some("812".to_owned()),
        name: Some("Ani".to_owned()),
        ..DraftReporter::default()
    };
    let phone = |number: &str| DraftReporter { phone: Some(number.to_owned()), ..DraftReporter::default() };
    let first = reference(1, "a", ani());
    assert!(first.is_some());
    assert_eq!(first, reference(1, "a", DraftReporter { name: None, anonymous: true, ..ani() }));
    assert_ne!(first, reference(1, "b", ani()));
    assert_ne!(first, reference(2, "a", ani()));
    assert_eq!(reference(1, "a", phone("0812 3456 7890")), reference(1, "a", phone("+6281234567890")));
    assert_ne!(reference(1, "a", phone("812")), first, "a phone is no account id");
    assert_eq!(reference(1, "a", DraftReporter::default()), None);
    let shown =
        normalize(Draft { reporter: DraftReporter { anonymous: true, ..ani() }, ..said("Banjir") }).reporter;
    assert_eq!((shown.display_name, shown.anonymous), (None, true));
    assert!(PrivacyKey::new("kurang").is_err());
    assert_eq!(format!("{:?}", PrivacyKey::new(&"ab".repeat(32)).unwrap()), "PrivacyKey(..)");
}

// Words

#[test]
fn words_are_kept_and_only_what_cannot_be_seen_goes() {
    let cases = [
        ("  Got   mampet\r\n\r\n\r\n\r\nbau\t sekali ", "Got mampet\n\nbau sekali"),
        ("ban\u{200b}jir\u{feff}\u{202e}", "banjir"),
        ("cafe\u{301}", "café"),
        (
            "keluarga \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}!",
            "keluarga \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}!",
        ),
        ("a\u{200d}b", "ab"),
        ("baris\u{2028}baru\u{7}", "baris\nbaru"),
        ("\u{200b}\u{2060} \n", ""),
    ];
    for (written, cleaned) in cases {
        assert_eq!(text::clean(written), cleaned, "{written:?}");
    }
    let complaint = normalize(said("  Got   mampet "));
    assert_eq!(
        (complaint.description.as_str(), complaint.original.as_str()),
        ("Got mampet", "  Got   mampet ")
    );
}

#[test]
fn a_message_without_words_or_files_is_no_complaint() {
    let photo = |url: &str, content_type: Option<&str>| Attachment::Url {
        url: url.to_owned(),
        content_type: content_type.map(str::to_owned),
    };
    assert_eq!(normalizer(1).normalize(said("\u{200b} "), &receipt()).err(), Some(NormalizeError::Empty));
    let complaint = normalize(Draft { attachments: vec![photo("https://a/1.JPG?x=1", None)], ..said("") });
    assert!(complaint.flags.contains(&Flag::NoText));
    let kinds = [
        ("https://a/1.JPG?x=1", None, AttachmentKind::Image),
        ("https://a/1", Some("image/jpeg"), AttachmentKind::Image),
        ("https://a/1.jpg", Some("video"), AttachmentKind::Video),
        ("https://a/voice.ogg#t", None, AttachmentKind::Audio),
        ("https://jpg", None, AttachmentKind::File),
        ("https://a/surat.pdf", Some("application/pdf"), AttachmentKind::File),
    ];
    for (url, content_type, kind) in kinds {
        let complaint = normalize(Draft { attachments: vec![photo(url, content_type)], ..said("x") });
        assert_eq!(complaint.attachments[0].kind, kind, "{url}");
    }
}

#[test]
fn a_channels_label_is_suggested_only_if_the_city_has_it() {
    let suggestion = category::from_label(" parkir LIAR").unwrap();
    assert_eq!((suggestion.code.as_str(), suggestion.name.as_str()), ("parkir-liar", "Parkir Liar"));
    assert_eq!(category::from_label("Alien"), None);
    let complaint = normalize(Draft { category: Some("Alien".to_owned()), ..said("x") });
    let category = complaint.category[0].code.as_str();
    assert_eq!((category, complaint.external.category.as_deref()), ("other", Some("Alien")));
}

#[test]
fn the_same_complaint_is_always_the_same_event() {
    let event = Event::received(normalize(said("Banjir")));
    assert_eq!(event, Event::received(normalize(said("Banjir"))));
    assert_eq!(event.routing_key(), "complaint.received.v1.qlue");
    assert_eq!(event.source, "/muara/channels/qlue");
    let other = Receipt { id: ComplaintId::from_parts(now(), &[6; 10]), ..receipt() };
    assert_ne!(
        event.id,
        Event::received(normalizer(1).normalize(said("Banjir"), &other).unwrap().complaint).id
    );
    for bad in ["", "Qlue", "-a", "a/b", "a.b", &"a".repeat(65)] {
        assert!(bad.parse::<ChannelId>().is_err(), "{bad}");
    }
}
