//! Places in citizens' words: what counts, what does not, and what is left open.
#![allow(clippy::unwrap_used)]

use muara_normalizer::{
    Draft,
    complaint::{Flag, Location, LocationSource},
    draft::DraftPlace,
    region::{self, Level},
};

use crate::normalizer::{normalize, said};

/// Kelurahan, kecamatan and kota by name, as far as they are known.
fn areas(location: Option<&Location>) -> [&str; 3] {
    let Some(location) = location else { return ["", "", ""] };
    let areas = [&location.kelurahan, &location.kecamatan, &location.kota];
    areas.map(|area| area.as_ref().map_or("", |area| area.name.as_str()))
}

const TIMUR: &str = "Kota Administrasi Jakarta Timur";
const SELATAN: &str = "Kota Administrasi Jakarta Selatan";
const PUSAT: &str = "Kota Administrasi Jakarta Pusat";
const BARAT: &str = "Kota Administrasi Jakarta Barat";

#[test]
fn the_longest_name_and_its_parents_are_found() {
    let cases = [
        ("Jalan ambles di Kel. Pondok Bambu", ["Pondok Bambu", "Duren Sawit", TIMUR]),
        ("got mampet di menteng dalam", ["Menteng Dalam", "Tebet", SELATAN]),
        ("got mampet di duri selatan", ["Duri Selatan", "Tambora", BARAT]),
        ("lampu mati, kelurahan: cipete utara", ["Cipete Utara", "Kebayoran Baru", SELATAN]),
        ("banjir kp melayu setinggi lutut", ["Kampung Melayu", "Jatinegara", TIMUR]),
        ("banjir di Kp. Melayu", ["Kampung Melayu", "Jatinegara", TIMUR]),
        ("sampah di pulogebang", ["Pulo Gebang", "Cakung", TIMUR]),
        ("macet parah jaksel", ["", "", SELATAN]),
    ];
    for (text, expected) in cases {
        assert_eq!(areas(normalize(said(text)).location.as_ref()), expected, "{text}");
    }
}

#[test]
fn a_name_that_two_levels_share_means_the_larger_unless_it_is_said() {
    let cases = [
        ("banjir di Tebet", ["", "Tebet", SELATAN]),
        ("banjir di Menteng", ["", "Menteng", PUSAT]),
        ("banjir di Kel. Menteng", ["Menteng", "Menteng", PUSAT]),
        ("pedagang di pasar Kecamatan Jagakarsa", ["", "Jagakarsa", SELATAN]),
        ("Kelurahan Kayu Putih, Kecamatan Pulogadung", ["Kayu Putih", "Pulogadung", TIMUR]),
    ];
    for (text, expected) in cases {
        assert_eq!(areas(normalize(said(text)).location.as_ref()), expected, "{text}");
    }
}

#[test]
fn names_of_streets_stations_and_markets_are_no_places() {
    let texts = [
        "macet di Jl. Raya Cilincing",
        "jalan menteng raya berlubang",
        "harga cabe di pasar pulo gadung naik",
        "ATAP HALTE BUS GUNTUR BOCOR",
        "lift stasiun manggarai mati",
        "macet arah Klender",
        "RT @cakungtimur: banjir",
        "@kel_pondokbambu banjir",
        "gunung sampah di ujung gang",
        "jati diri bangsa",
        "masih baru kok sudah rusak, di tengah jalan",
    ];
    for text in texts {
        assert_eq!(areas(normalize(said(text)).location.as_ref()), ["", "", ""], "{text}");
    }
}

#[test]
fn a_name_behind_what_stands_there_is_a_place_if_it_is_one_beyond_doubt() {
    for (text, kelurahan) in [
        ("got mampet depan mall Kelapa Gading Barat", "Kelapa Gading Barat"),
        ("bak sampah pinggir kali tanjung duren selatan luber", "Tanjung Duren Selatan"),
        ("lift rusun penggilingan mati", "Penggilingan"),
        ("sarang tawon di atap SD ciganjur", "Ciganjur"),
        // a sentence ended
        ("Kontainer parkir menutup halte. Tugu Selatan", "Tugu Selatan"),
        ("limbah dibuang di pinggir kali. Petamburan", "Petamburan"),
        ("sampah di pondok ranggon ga ada yg ngambil. eh salah, bambu apus maksudnya", "Bambu Apus"),
    ] {
        assert_eq!(areas(normalize(said(text)).location.as_ref())[0], kelurahan, "{text}");
    }
    for text in ["kali Krukut meluap", "SDN Rorotan 05 atapnya bocor", "GOR Ciracas kotor", "RSUD Koja antre"]
    {
        assert_eq!(areas(normalize(said(text)).location.as_ref())[0], "", "{text}");
    }
    // four times, or in the fourth RW
    let place = normalize(said("dbd di rt 3 rw 4 kali anyar")).location.unwrap();
    assert_eq!(place.rw.as_deref(), Some("004"));
}

#[test]
fn a_common_word_is_a_place_where_something_says_so() {
    let cases = [
        ("kabel putus! Pulo, Kebayoran Baru", "Pulo"),
        ("banyak jentik nyamuk. Kenari", "Kenari"),
        ("kel. Jati banjir", "Jati"),
        ("Tolong kami di Galur, tiap sore ribut", "Galur"),
    ];
    for (text, kelurahan) in cases {
        assert_eq!(areas(normalize(said(text)).location.as_ref())[0], kelurahan, "{text}");
    }
}

#[test]
fn rt_and_rw_are_read_in_every_spelling_and_a_retweet_is_none() {
    let cases = [
        ("di RT.11/RW.2", Some("011"), Some("002")),
        ("di RT 003/05 ya", Some("003"), Some("005")),
        ("RT/RW 011/002", Some("011"), Some("002")),
        ("rt 3 rw 5", Some("003"), Some("005")),
        ("rt05/rw02", Some("005"), Some("002")),
        ("RT: 05 RW: 02", Some("005"), Some("002")),
        ("Ketua RW 03", None, Some("003")),
        ("RT @DKIJakarta urus dong", None, None),
        ("pak RT tidak tahu", None, None),
        ("RT 0", None, None),
    ];
    for (text, rt, rw) in cases {
        let location = normalize(said(text)).location;
        let found = location.as_ref().map_or((None, None), |l| (l.rt.as_deref(), l.rw.as_deref()));
        assert_eq!(found, (rt, rw), "{text}");
    }
}

#[test]
fn evidence_that_disagrees_is_flagged_and_the_more_certain_is_passed_on() {
    let place = DraftPlace { region: Some("31.71.06.1001".parse().unwrap()), ..DraftPlace::default() };
    let complaint = normalize(Draft { place, ..said("Banjir di Kel. Pondok Bambu") });
    let location = complaint.location.unwrap();
    assert_eq!(location.kelurahan.unwrap().name, "Menteng");
    assert_eq!(location.source, LocationSource::Channel);
    assert!(complaint.flags.contains(&Flag::LocationConflict));
    // the office's own area is only where the officer sits
    let place = DraftPlace { office_region: Some("31.71.06.1001".parse().unwrap()), ..DraftPlace::default() };
    let complaint = normalize(Draft { place, ..said("Banjir di Kel. Pondok Bambu") });
    assert_eq!(areas(complaint.location.as_ref())[0], "Pondok Bambu");
    assert!(!complaint.flags.contains(&Flag::LocationConflict));
    // a bare name against a stated kecamatan: only the kecamatan is sure
    let complaint = normalize(said("Pondok Bambu, kec. Tebet"));
    assert_eq!(areas(complaint.location.as_ref()), ["", "Tebet", SELATAN]);
    assert!(complaint.flags.contains(&Flag::LocationConflict));
}

/// The lowest region of a location as the examples write it.
fn lowest(location: Option<&Location>) -> String {
    let [kelurahan, kecamatan, kota] = areas(location);
    match (kelurahan, kecamatan, kota) {
        ("", "", "") => "-".to_owned(),
        ("", "", kota) => {
            let name = kota.trim_start_matches("Kota Administrasi Jakarta ");
            format!("kota {}", name.trim_start_matches("Kabupaten Administrasi "))
        }
        ("", kecamatan, _) => format!("kec {kecamatan}"),
        (kelurahan, ..) => format!("kel {kelurahan}"),
    }
}

#[test]
fn every_example_names_what_it_says() {
    let examples = include_str!("../fixtures/quality/place_examples.tsv");
    let mut wrong = Vec::new();
    for line in examples.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (text, region) = (fields.next().unwrap(), fields.next().unwrap());
        let (rt, rw) = fields.next().unwrap_or("/").split_once('/').unwrap();
        let location = normalize(said(text)).location;
        let unit = |unit: Option<&String>| unit.map_or("", String::as_str).to_owned();
        let (found_rt, found_rw) = location
            .as_ref()
            .map_or_else(Default::default, |place| (unit(place.rt.as_ref()), unit(place.rw.as_ref())));
        let found = lowest(location.as_ref());
        if (found.as_str(), found_rt.as_str(), found_rw.as_str()) != (region, rt, rw) {
            wrong.push(format!("{text}: {found} {found_rt}/{found_rw}, not {region} {rt}/{rw}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kelurahan_is_found_by_its_name_and_not_in_a_street() {
    for region in region::all().filter(|region| region.level == Level::Kelurahan) {
        let name = &region.name;
        let parent = region::at(&region.code, Level::Kecamatan).unwrap();
        for text in [
            format!("Kel. {name} Kec. {} jalan rusak", parent.name),
            format!("KELURAHAN {} SAMPAH", name.to_uppercase()),
            format!("kel {} banjir", name.to_lowercase().replace(' ', "")),
        ] {
            let found = normalize(said(&text)).location.and_then(|place| place.kelurahan);
            assert_eq!(found.map(|area| area.code).as_ref(), Some(&region.code), "{text}");
        }
        for text in
            [format!("jl. {name} raya"), format!("stasiun {name} kotor"), format!("di pasar {name} bau")]
        {
            assert_eq!(areas(normalize(said(&text)).location.as_ref()), ["", "", ""], "{text}");
        }
    }
}

#[test]
fn streets_landmarks_and_postal_codes_are_in_the_citizens_words() {
    let cases = [
        (
            "ambles di Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu",
            [Some("Jalan Pahlawan Revolusi"), Some("dekat apotek"), Some("13430")],
        ),
        ("got di gang mangga duri selatan mampet", [Some("Gang mangga"), None, Some("11270")]),
        ("Jl Dr. Saharjo no 12A macet", [Some("Jalan Dr. Saharjo no 12A"), None, None]),
        ("Gang Mawar 2 Blok C No 14 gelap", [Some("Gang Mawar 2 Blok C No 14"), None, None]),
        (
            "depan musholla at-taqwa gang lontar rawa badak utara",
            [Some("Gang lontar"), Some("depan musholla at-taqwa"), Some("14230")],
        ),
        ("Jl. Dewi Sartika Cililitan gelap", [Some("Jalan Dewi Sartika"), None, Some("13640")]),
        ("jalan rusak parah di depan rumah saya", [None, None, None]),
        ("di jalan ini banyak lubang, jalan tol juga", [None, None, None]),
        ("kode pos 12330, harga 13430 rupiah", [None, None, Some("12330")]),
        // a person's number is no house number
        ("depan pos 0812 1100 2207", [None, Some("depan pos"), None]),
    ];
    for (text, expected) in cases {
        let location = normalize(said(text)).location;
        let found = location.as_ref().map_or([None; 3], |place| {
            [place.street.as_deref(), place.landmark.as_deref(), place.postal_code.as_deref()]
        });
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn ways_corrections_and_slips_are_told_from_the_place() {
    let cases = [
        ("TransJakarta rute Pulo Gadung - Kalideres AC nya mati", ["", "", ""]),
        ("JAKLINGKO 48B Kampung Melayu ga berhenti di halte", ["", "", ""]),
        ("hilang waktu naik KRL dari Manggarai ke Bekasi", ["", "", ""]),
        ("angkot ke Ulujami ugal2an. Warga Petukangan Utara", ["Petukangan Utara", "Pesanggrahan", SELATAN]),
        ("Lampu mati di cipete selatan eh salah cipete utara", ["Cipete Utara", "Kebayoran Baru", SELATAN]),
        ("got mampet di Kel. Rawa Terate, ralat Kel. Rawa Bunga", ["Rawa Bunga", "Jatinegara", TIMUR]),
        ("jalan rusak di Gunung Sahair Selatan", ["Gunung Sahari Selatan", "Kemayoran", PUSAT]),
        ("Jl. Biak No. 12, Petojo Selaatan, Kec. Gambir", ["Petojo Selatan", "Gambir", PUSAT]),
        ("got bau gg masjid wijaya kusuma", ["Wijaya Kusuma", "Grogol Petamburan", BARAT]),
        ("jalan pangeran tubagus angke jelambar rusak", ["Jelambar", "Grogol Petamburan", BARAT]),
    ];
    for (text, expected) in cases {
        assert_eq!(areas(normalize(said(text)).location.as_ref()), expected, "{text}");
    }
}

#[test]
fn what_a_place_rests_on_is_told() {
    let reasons = |draft| normalize(draft).location.unwrap().reasons;
    assert_eq!(
        reasons(said("banjir di Kel. Pondok Bambu Kec. Duren Sawit")),
        ["the text names kelurahan Pondok Bambu", "kecamatan Duren Sawit, which the text names too, agrees"]
    );
    let place = DraftPlace { office_region: Some("31.75.07".parse().unwrap()), ..DraftPlace::default() };
    assert_eq!(
        reasons(Draft { place: place.clone(), ..said("lampu mati") }),
        ["area of the office that took it down: kecamatan Duren Sawit"]
    );
    assert_eq!(
        reasons(Draft { place, ..said("lampu mati di Klender") }),
        ["the text names kelurahan Klender", "kecamatan Duren Sawit, the area of the office, agrees"]
    );
    let place = DraftPlace { region: Some("31.71.06".parse().unwrap()), ..DraftPlace::default() };
    assert_eq!(
        reasons(Draft { place, ..said("lampu mati di Klender") })[1],
        "the channel states kecamatan Menteng, but the text names kelurahan Klender"
    );
}
