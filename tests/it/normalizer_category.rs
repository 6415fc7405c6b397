//! What a complaint is about, whether it is urgent and of what kind: the rules and their data files.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, fs};

use muara_connectors::CONNECTORS;
use muara_normalizer::{
    category,
    complaint::{CategorySource, CategorySuggestion, Kind},
    kind,
    learned::{CATEGORIES_SMOOTHING, Counts, Tally, stems},
    reading::Reading,
};

use crate::fixtures::folder;

const LABELS: &str = include_str!("../../normalizer/data/category_labels.txt");
const WORDS: &str = include_str!("../../normalizer/data/category_words.txt");

fn suggested(connector: &str, label: Option<&str>, text: &str) -> Vec<CategorySuggestion> {
    let reading = Reading::of(text);
    category::suggest(connector, label, &reading, category::by_rules(&reading))
}

fn first(text: &str) -> String {
    suggested("x", None, text).swap_remove(0).name
}

fn known() -> BTreeSet<&'static str> {
    category::names().collect()
}

#[test]
fn every_label_means_a_category_of_the_city_and_names_a_connector() {
    let known = known();
    for line in LABELS.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [connector, label, name, sure @ ..] = columns.as_slice() else { panic!("{line}") };
        assert!(*connector == "*" || CONNECTORS.iter().any(|(known, _)| known == connector), "{line}");
        assert!(!label.is_empty() && known.contains(name), "{line}");
        let sure: Vec<f64> = sure.iter().map(|sure| sure.parse().unwrap()).collect();
        assert!(sure.len() <= 1 && sure.iter().all(|sure| (0.0..=0.95).contains(sure)), "{line}");
    }
}

#[test]
fn every_category_has_words_and_every_heading_is_a_category() {
    let headings: Vec<&str> =
        WORDS.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect();
    assert_eq!(headings.len(), known().len());
    assert_eq!(headings.into_iter().collect::<BTreeSet<_>>(), known());
    for name in WORDS.lines().filter_map(|line| line.strip_prefix("near:")).flat_map(|list| list.split(';')) {
        assert!(known().contains(name.trim()), "near: {name}");
    }
    let kinds = ["landmark", "part", "within", "ask", "name", "strong", "medium", "weak", "against", "near"];
    for line in WORDS.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty()) {
        assert!(line.split_once(':').is_some_and(|(kind, _)| kinds.contains(&kind)), "{line}");
    }
}

#[test]
fn a_channels_label_comes_first_and_agreement_makes_it_surer() {
    let qlue = |text| suggested("qlue", Some("Lampu jalan rusak"), text);
    let silent = qlue("tolong");
    assert_eq!((silent[0].name.as_str(), silent[0].source), ("Jaringan Listrik", CategorySource::Channel));
    let agreed = qlue("lampu jalan mati semua");
    assert!(agreed[0].name == "Jaringan Listrik" && agreed[0].confidence > silent[0].confidence);
    let other = qlue("pohon tumbang");
    assert_eq!((other[0].name.as_str(), other[1].name.as_str()), ("Jaringan Listrik", "Pohon"));
    assert!(other[1].confidence < other[0].confidence);
    assert_eq!(suggested("jaki", Some("gangguan  KEBISINGAN"), "").len(), 1);
}

#[test]
fn suggestions_are_few_ranked_and_explained_and_nothing_known_is_other() {
    let said = suggested(
        "x",
        None,
        "Truk tangki parkir di atas trotoar, paving pecah semua, bau sampah dan got mampet",
    );
    assert!(said.len() <= 5 && said.is_sorted_by(|a, b| a.confidence >= b.confidence));
    assert!(said[0].confidence < 1.0 && !said[0].reasons.is_empty());
    let none = suggested("x", None, "halo");
    assert_eq!((none.len(), none[0].code.as_str(), none[0].name.as_str()), (1, "other", "Lainnya"));
}

#[test]
fn what_is_denied_a_landmark_or_a_name_is_not_the_matter() {
    let cases = [
        ("bukan soal sampah, lampu jalan mati", "Jaringan Listrik"),
        ("got mampet di depan minimarket", "Saluran Air, Kali/Sungai"),
        ("lampu jalan mati di Jl. Taman Sari Raya", "Jaringan Listrik"),
        ("banjir lagi di Lubang Buaya", "Banjir"),
        ("sampah belum diangkut seminggu", "Sampah"),
        ("air PAM tidak mengalir", "Jaringan Air Bersih"),
        ("mobil bangkai di gang, bukan parkir bayar", "Parkir Liar"),
    ];
    for (text, expected) in cases {
        assert_eq!(first(text), expected, "{text}");
    }
}

#[test]
fn the_examples_are_understood() {
    let file = fs::read_to_string(folder().join("quality/category_examples.tsv")).unwrap();
    let (mut all, mut top1, mut top3) = (0_u32, 0_u32, 0_u32);
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let more =
            columns.get(2).into_iter().flat_map(|more| more.split(';')).filter(|name| !name.is_empty());
        let right: Vec<&str> = [columns[1]].into_iter().chain(more).collect();
        assert!(right.iter().all(|name| known().contains(name)), "{line}");
        let said = suggested("x", None, &columns[0].replace("\\n", "\n"));
        all += 1;
        top1 += u32::from(right.contains(&said[0].name.as_str()));
        top3 += u32::from(said.iter().take(3).any(|said| right.contains(&said.name.as_str())));
    }
    assert!(all >= 300 && top1 * 100 >= all * 95 && top3 * 100 >= all * 98, "{top1} and {top3} of {all}");
}

#[test]
fn danger_is_urgent_and_its_words_alone_are_not() {
    let urgent = [
        "rumah kebakaran, api membesar",
        "Tawuran lagi bawa celurit",
        "jangan sampai anak2 kesetrum, kabel PLN putus",
        "ada kecelakaan di tikungan, korban tergeletak",
        "banjir sedada warga terjebak",
    ];
    let calm = [
        "Dinas Kebakaran tidak menjawab surat kami",
        "tidak ada korban dalam kebakaran tahun lalu",
        "korban bansos salah sasaran",
        "demam berdarah banyak di sini",
        "sampah belum diangkut",
        // of other words with the same letters
        "jangan dibuang di sini",
        "saya tinggal di Rorotan, sampah belum diangkut",
        "bau menyengat dari got",
        "pagarnya berkarat",
        "antrean mengular sampai depan rumah",
    ];
    for text in urgent {
        assert!(category::urgent(&Reading::of(text)), "{text}");
    }
    for text in calm {
        assert!(!category::urgent(&Reading::of(text)), "{text}");
    }
}

#[test]
fn a_question_or_a_wish_is_none_once_something_is_wrong() {
    let cases = [
        ("Puskesmas Tebet buka jam berapa hari Sabtu?", Kind::InformationRequest),
        ("Kapan jadwal vaksin di posyandu mawar?", Kind::InformationRequest),
        ("bagaimana cara mengurus akta lahir yang hilang?", Kind::InformationRequest),
        ("How do I register for a library card?", Kind::InformationRequest),
        ("Saran saya sebaiknya jalur sepeda diperpanjang sampai Blok M", Kind::Aspiration),
        ("Mohon dipasang lampu penerangan di gang kami", Kind::Aspiration),
        ("mau tanya sekaligus ngeluh, bansos saya ga dapet", Kind::Complaint),
        ("Jalan rusak, kapan diperbaiki?", Kind::Complaint),
        ("Usul dan keluhan: perpustakaan keliling sudah lama tidak datang", Kind::Complaint),
    ];
    for (text, expected) in cases {
        assert_eq!(kind::kind(&Reading::of(text)), expected, "{text}");
    }
}

#[test]
fn words_that_only_look_alike_are_two() {
    let stem = muara_normalizer::stem::stem;
    for (one, other) in [
        ("jangan", "kejang"),
        ("memohon", "pohon"),
        ("sering", "kekeringan"),
        ("memang", "pangan"),
        ("kereta", "retakan"),
        ("masalahnya", "masa"),
        ("tangan", "menang"),
    ] {
        assert_ne!(stem(one), stem(other), "{one} {other}");
    }
    for (one, other) in [("berlubang", "lubangnya"), ("permohonan", "memohon"), ("penyerangan", "diserang")] {
        assert_eq!(stem(one), stem(other), "{one} {other}");
    }
}

#[test]
fn what_words_were_used_for_helps_where_rules_have_none_and_says_so() {
    let counts = |texts: &[(&str, &str)]| {
        let mut tally = Tally::default();
        for (text, class) in texts {
            tally.text(&stems(&Reading::of(text)), class);
        }
        // written and read again
        Counts::read(&tally.to_string(), CATEGORIES_SMOOTHING)
    };
    let learned = counts(&[
        ("wrintil gembili ontong", "sampah"),
        ("wrintil ontong", "sampah"),
        ("slondok gembili", "jalan"),
    ]);
    let text = Reading::of("wrintil ontong gembili Rorotan");
    let suggested = category::with_counts(&text, category::by_rules(&text), &learned);
    assert_eq!(suggested[0].code, "sampah");
    assert!(suggested[0].reasons.contains(&"wrintil".to_owned()), "{suggested:?}");
    // a place is no reason, and a text without a known word has none
    assert!(suggested[0].reasons.iter().all(|reason| reason != "rorotan"), "{suggested:?}");
    assert!(category::with_counts(&Reading::of("zxcvb qwertz"), Vec::new(), &learned).is_empty());
}
