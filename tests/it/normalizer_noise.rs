//! What is taken for no complaint: on examples of our own, half of them complaints that look like noise.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path};

use muara_normalizer::{
    Draft,
    complaint::{Kind, NotAComplaint},
    draft::Attachment,
    language,
    learned::{COMPLAINT, Counts, KINDS_SMOOTHING, NOISE, Said, Tally, stems_and_pairs},
    noise,
    reading::Reading,
    sense::Sense,
};

use crate::normalizer::normalize;

fn reason(draft: &Draft) -> Option<NotAComplaint> {
    let reading = Reading::of(&draft.text);
    noise::not_a_complaint(draft, &reading, &Sense::of(&reading))
}

fn said(text: &str) -> Draft {
    Draft { text: text.to_owned(), ..Draft::default() }
}

/// The thresholds of the issue.
#[test]
fn noise_is_told_from_complaints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/quality/noise_examples.tsv");
    let examples = fs::read_to_string(path).unwrap();
    let (mut right, mut wrong, mut missed) = (0, Vec::new(), Vec::new());
    for (text, expected) in examples.lines().map(|line| line.split_once('\t').unwrap()) {
        match (reason(&said(text)), expected) {
            (Some(_), "-") => wrong.push(text),
            (None, "-") => {}
            (Some(_), _) => right += 1,
            (None, _) => missed.push(text),
        }
    }
    assert!(right >= 19 * wrong.len(), "complaints that were taken for noise: {wrong:#?}");
    assert!(right >= 3 * missed.len(), "noise that was taken for complaints: {missed:#?}");
}

/// Each by words of its own: talk, thanks and offers without a matter, and complaints that begin like them.
#[test]
fn talk_is_told_from_what_only_begins_like_it() {
    let noise = [
        "POV: nungguin ujan reda di bawah flyover bareng 200 motor, tag bestie lo",
        "bantu vote finalis lomba menu sehat dari ibu2 kami, tinggal like foto no 7",
        "permisi pak, barangkali ada lowongan satpam? saya lulusan SMK, siap kerja",
        "makasih min, aduan kabel ngejuntai kemaren udh dirapihin. gercep",
        "coba kirim laporan pakai HP baru, abaikan saja",
        "hujan + indomie + senja = bahagia itu sederhana",
        "Pengurus masjid datang mengantar undangan pengajian akbar utk Pak Lurah",
        "mohon izin wawancara untuk podcast kampus, narasumbernya kepala dinas",
        "laporan saya yg tadi ditutup aja ya, got nya udah dibersihin warga",
        "perpanjang KTP di kelurahan cuma 10 menit, ga ada calo, mantap pelayanannya",
        "Underpass Mampang mulai beroperasi Senin depan",
    ];
    for text in noise {
        assert!(reason(&said(text)).is_some(), "{text}");
    }
    let complaints = [
        "Makasih damkar udah ngangkut tawon kemarin, nah sekarang ada satu lagi di plafon musholla",
        "DICARI anak laki2 umur 9 th, terakhir keliatan deket pasar sore tadi, tolong hub ibunya",
        "izin share, oknum tukang gali di makam nodong 1,5jt ke keluarga yg berduka. tega bgt",
        "TOLONG SEBARKAN ibu saya 65th pikun pergi dari pasar kemarin sore, pakai daster biru. hub 0813 0000 1122",
        "asal ditutup aja laporannya terus, kerjaannya nol",
        "mohon kesediaan bapak camat melihat jalan kami yang hancur",
        "ngurus KTP cuma 15 menit kalau bayar 200 ribu, kalau gratis sebulan",
        "Underpass Mampang mulai beroperasi tapi langsung banjir",
    ];
    for text in complaints {
        assert_eq!(reason(&said(text)), None, "{text}");
    }
}

#[test]
fn a_question_for_a_desk_is_held_unless_something_is_wrong_or_the_channel_says_what_it_is() {
    let questions = [
        "ada yg tau ga kantor kelurahan pondok labu buka hari sabtu apa engga ya?",
        "bagaimana cara urus KK yang hilang?",
        "jam buka loket dukcapil hari sabtu sampe jam brp ya?",
    ];
    for text in questions {
        assert_eq!(reason(&said(text)), Some(NotAComplaint::Question), "{text}");
        assert_eq!(normalize(said(text)).kind, Kind::InformationRequest, "{text}");
        let chosen = Draft { kind: Some(Kind::InformationRequest), ..said(text) };
        assert_eq!(reason(&chosen), None, "{text}");
    }
    let complaints = [
        "kapan diperbaiki lampu di gang kami?",
        "kenapa lampu mati terus ya?",
        "kantor kelurahan buka jam berapa? udah 2x ke sana kosong",
        "biaya urus surat pindah berapa? petugas minta 150rb",
        "Kapan posyandu buka lagi?",
        "selamat pagi, terima kasih sebelumnya, got di rt 4 mampet",
    ];
    for text in complaints {
        assert_eq!(reason(&said(text)), None, "{text}");
    }
}

#[test]
fn who_leaves_a_number_sells_nothing_and_who_denies_praises_nothing() {
    let complaints = [
        "Warga mengeluh kuota pelatihan menjahit sedikit. WA 0812 1100 3345",
        "DBD di lingkungan kami lagi banyak, kapan difogging, hub 0896 1100 7809",
        "Antrean uji KIR lama dan petugasnya tidak ramah",
        "Izin praktik saya sudah dua bulan diproses. Demikian, terima kasih",
        "minta tolong tebang ranting pohonnya, sudah kena atap rumah, makasih",
    ];
    for text in complaints {
        assert_eq!(reason(&said(text)), None, "{text}");
    }
    let offer = "SEDOT WC & SALURAN MAMPET 24 JAM!! Call/WA 0812 1100 9967";
    assert_eq!(reason(&said(offer)), Some(NotAComplaint::Advertisement));
}

#[test]
fn a_photo_or_a_machine_decides_without_words() {
    let photo = Attachment::Handle { handle: "1".to_owned(), content_type: Some("image/jpeg".to_owned()) };
    let with_photo = |text: &str| Draft { attachments: vec![photo.clone()], ..said(text) };
    assert_eq!(reason(&with_photo("")), None);
    assert_eq!(reason(&with_photo("halo min")), None);
    assert_eq!(reason(&said("halo min")), Some(NotAComplaint::Greeting));
    let automatic = Draft { automatic: true, ..said("Jalan rusak") };
    assert_eq!(reason(&automatic), Some(NotAComplaint::AutoReply));
}

#[test]
fn words_known_from_noise_hold_what_no_rule_names_but_not_what_was_meant_for_us() {
    let mut tally = Tally::default();
    for (text, class) in [
        ("wrintil sekilo sama gembili ya", NOISE),
        ("gembili wrintil buat nanti malem", NOISE),
        ("jalan rusak belum diperbaiki", COMPLAINT),
        ("sampah belum diangkut", COMPLAINT),
    ] {
        for _ in 0..20 {
            tally.text(&stems_and_pairs(&Reading::of(text), text), class);
        }
    }
    let counts = Counts::of(&tally, KINDS_SMOOTHING);
    let held = |draft: &Draft| {
        noise::with_counts(draft, &Reading::of(&draft.text), &Sense::of(&Reading::of(&draft.text)), &counts)
    };
    let text = "gembili wrintil sekilo buat bapak Hartono di ujung sana";
    assert_eq!(
        noise::with_counts(
            &said(text),
            &Reading::of(text),
            &Sense::of(&Reading::of(text)),
            &Counts::default()
        ),
        None
    );
    assert_eq!(held(&said(text)), Some(NotAComplaint::Chatter));
    // who chose a category came to complain
    assert_eq!(held(&Draft { category: Some("Jalan".to_owned()), ..said(text) }), None);
    assert_eq!(held(&said("jalan rusak belum diperbaiki, sampah belum diangkut")), None);
}

#[test]
fn languages_are_told_by_small_words() {
    let told = |text: &str| language::language(&Reading::of(text)).0;
    assert_eq!(told("got di depan rumah saya mampet sudah seminggu"), "id");
    assert_eq!(told("The street light near my house is broken"), "en");
    assert_eq!(told("Bonjour la rue est cassee"), "und");
    assert_eq!(told("🙏🙏"), "und");
}

#[test]
fn how_a_message_is_written_is_counted_and_read_again() {
    let mut tally = Tally::default();
    for _ in 0..20 {
        tally.text(&stems_and_pairs(&Reading::of("wrintil ya?"), "wrintil ya?"), NOISE);
        tally.text(&stems_and_pairs(&Reading::of("wrintil ya"), "wrintil ya"), COMPLAINT);
    }
    // a file has remarks, too, which begin with `# `
    let counts = Counts::read(&format!("# a remark\n{tally}"), KINDS_SMOOTHING);
    let odds = |text: &str| counts.odds(&Said::stems_and_pairs(&Reading::of(text), text), NOISE, COMPLAINT);
    assert!(odds("wrintil ya?") > 1.0);
    assert!(odds("wrintil ya").abs() < 1.0);
}
