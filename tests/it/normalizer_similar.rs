//! Complaints about the same matter are linked, however they are said; those about another are not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::SignedDuration;
use muara_normalizer::{
    ComplaintId, Draft, Receipt,
    complaint::{AttachmentKind, AttachmentRef},
    draft::{DraftPlace, DraftReporter, SourceTime},
    similarity::{
        Apart, Index, Kept, Likeness, Link, Matter, Thresholds, compare, evidence, link,
        signs::{self, SIGNS, Speaks},
        together, unmet,
    },
};
use proptest::{collection::vec, prelude::*};

use crate::normalizer::{normalizer, now, receipt, said};

/// The complaint of a number.
fn kept(serial: i64, text: &str, hours: i64) -> Kept {
    let id = ComplaintId::from_parts(now(), &[u8::try_from(serial).unwrap(); 10]);
    Kept { serial, id, first: serial, matter: matter(said(text), hours).unwrap().into() }
}

/// What somebody complains of, so many hours after the first.
fn matter(draft: Draft, hours: i64) -> Option<Matter> {
    let at = now() + SignedDuration::from_hours(hours);
    let draft = Draft { sent_at: Some(SourceTime::Instant(at)), ..draft };
    let receipt = Receipt { received_at: at, ..receipt() };
    normalizer(1).normalize(draft, &receipt).unwrap().matter
}

fn likeness(first: Draft, second: Draft) -> Option<Likeness> {
    likeness_after(30, first, second)
}

/// The same of two that are so many hours apart.
fn likeness_after(hours: i64, first: Draft, second: Draft) -> Option<Likeness> {
    compare(&matter(second, hours)?, &matter(first, 0)?, &Thresholds::default())
}

#[test]
fn labelled_pairs_are_told_as_a_person_would() {
    let pairs = include_str!("../fixtures/quality/pairs.tsv").lines().filter(|line| !line.starts_with('#'));
    let (mut right, mut wrong, mut missed) = (0, Vec::new(), Vec::new());
    for line in pairs {
        let parts: Vec<&str> = line.split('\t').collect();
        let [first, second, told] = parts[..] else { panic!("three columns: {line}") };
        match (likeness(said(first), said(second)).is_some(), told) {
            (true, "same") => right += 1,
            (true, _) => wrong.push(line),
            (false, "same") => missed.push(line),
            (false, _) => {}
        }
    }
    assert!(wrong.len() * 19 <= right, "too many wrong links: {wrong:#?}");
    assert!(missed.len() * 7 <= right * 3, "too many are missed: {missed:#?}");
}

#[test]
fn one_trouble_is_known_in_the_words_of_two_and_what_works_again_is_none() {
    let english = "No running water since Monday in Kelurahan Petukangan Utara";
    assert!(likeness(said(english), said("air pam petukangan utara mampet total dari senin")).is_some());
    let place = "Kel. Cipinang Besar Selatan";
    let lift = format!("Lift tower C rusunawa mati, lansia tidak bisa turun. {place}");
    let pump = |lift: &str| format!("Pompa air tower C rusunawa mati. {lift} {place}");
    assert_eq!(likeness(said(&lift), said(&pump("Lift sudah jalan kok."))), None);
    assert!(likeness(said(&lift), said(&pump("Lift juga mati."))).is_some());
}

#[test]
fn who_names_the_rw_may_mean_the_flood_of_the_whole_kelurahan() {
    let flood = "Banjir setinggi dada di Kel. Rawajati, warga minta perahu karet";
    let same = "banjir rawajati rt 3 rw 7 min tolong evakuasi nenek";
    assert!(likeness_after(12, said(flood), said(same)).is_some());
    // a day later it is still likelier one than two, for who links from there
    let thresholds = Thresholds { score: 0.6, ..Thresholds::default() };
    assert!(
        compare(&matter(said(same), 30).unwrap(), &matter(said(flood), 0).unwrap(), &thresholds).is_some()
    );
}

#[test]
fn an_officer_reads_why() {
    let likeness = likeness(
        said(
            "Aspal ambles di tikungan Jl. Pahlawan Revolusi dekat apotek, Kel. Pondok Bambu, tlp 081911002205",
        ),
        said("min jalanan deket apotek pahlawan revolusi pondok bambu bolong dalem bgt"),
    );
    let reasons = likeness.unwrap().reasons.join("; ");
    for part in ["same subject: a hole in the road", "same kelurahan", "`pahlawan revolusi`", "a pharmacy"] {
        assert!(reasons.contains(part), "{part}: {reasons}");
    }
    assert!(!reasons.contains("0819"), "{reasons}");
}

#[test]
fn what_speaks_against_one_matter_parts_two_texts_of_the_same_words() {
    let rubbish = "sampah di pinggir rel menumpuk, Kel. Ancol";
    assert!(likeness(said(rubbish), said(rubbish)).is_some());
    let others =
        ["sampah di pinggir rel menumpuk, Kel. Kampung Bali", "sampah konser di pintu taman, Kel. Ancol"];
    for other in others {
        assert_eq!(likeness(said(rubbish), said(other)), None, "{other}");
    }
    let (here, there) = ("got mampet rt 3 rw 5 kel. ancol", "got mampet rt 3 rw 7 kel. ancol");
    assert_eq!(likeness(said(here), said(there)), None);
}

#[test]
fn coordinates_join_neighbours_and_part_strangers() {
    let at = |lat, lon| DraftPlace { lat: Some(lat), lon: Some(lon), ..DraftPlace::default() };
    let hole = |place| Draft { place, ..said("ada lubang besar di jalan") };
    let near = likeness(hole(at(-6.2369, 106.9012)), hole(at(-6.2371, 106.9014))).unwrap();
    assert!(near.reasons.iter().any(|reason| reason.ends_with("m apart")), "{near:?}");
    assert_eq!(likeness(hole(at(-6.2369, 106.9012)), hole(at(-6.2969, 106.9012))), None);
}

#[test]
fn how_far_apart_two_may_be_depends_on_the_trouble_and_can_be_set() {
    let at = |text, lat| Draft {
        place: DraftPlace { lat: Some(lat), lon: Some(106.9), ..DraftPlace::default() },
        ..said(text)
    };
    let alike = |text: &'static str, thresholds: &Thresholds| {
        // some 890 m
        let (first, second) = (matter(at(text, -6.2), 0).unwrap(), matter(at(text, -6.208), 1).unwrap());
        compare(&second, &first, thresholds).is_some()
    };
    let (flood, hole) = ("banjir sepinggang dari subuh", "ada lubang besar di jalan");
    let usual = Thresholds::default();
    assert!(alike(flood, &usual) && !alike(hole, &usual));
    let mut other = Thresholds::default();
    other.radii.insert("banjir".to_owned(), 100);
    other.radii.insert("jalan".to_owned(), 2_000);
    other.radius_m = 100;
    assert!(!alike(flood, &other) && alike(hole, &other));
}

#[test]
fn names_of_streets_are_compared_with_all_that_belongs_to_them() {
    let hole = |street: &str| said(&format!("lubang besar di {street}, kel. jati"));
    let same = [("Jl. Kemiri Dua", "jl kemiri II"), ("Gg. H. Saidi", "gang haji saidi")];
    for (one, other) in same {
        assert!(likeness(hole(one), hole(other)).is_some(), "{one} and {other}");
    }
    let different = [
        ("Jl. Kemiri Dua", "Jl. Kemiri Tiga"),
        ("Jl. Pulo Asem Utara", "jl pulo asem timur"),
        ("Jl. Haji Naim", "Jl. Haji Mansyur"),
    ];
    for (one, other) in different {
        assert_eq!(likeness(hole(one), hole(other)), None, "{one} and {other}");
    }
}

#[test]
fn a_street_is_no_tree_and_a_word_no_other_of_its_stem() {
    let hole = said("lubang besar di Jl. Mahoni kel. jati");
    let reasons = likeness(hole.clone(), hole).unwrap().reasons.join("; ");
    assert!(reasons.contains("`mahoni`") && !reasons.contains("mahogany"), "{reasons}");
    let different = [
        (
            "asap dari pabrik tahu pekat tiap sore kel. jati",
            "minta pengasapan nyamuk di kel. jati, banyak dbd",
        ),
        ("tiap sore ada yang bakar sampah di kel. jati", "kebakaran rumah di kel. jati, api besar"),
        ("kami minta fogging di kel. jati", "kami dimintai uang di loket kel. jati"),
    ];
    for (one, other) in different {
        assert_eq!(likeness(said(one), said(other)), None, "{one} and {other}");
    }
}

#[test]
fn the_same_is_said_in_many_words() {
    let same = [
        (
            "got tersumbat semen proyek di jl anggur kel. jati",
            "saluran jl anggur kel. jati ketutup adukan, mampet",
        ),
        (
            "tutup got hilang sebelah fotokopi, kel. jati",
            "kel jati, samping tukang potokopi tutup gotnya dicolong",
        ),
        (
            "ketua rt kel. jati memotong bansos tunai warga 50 ribu",
            "bansos kami di kel jati dipotong pak rt 50rb",
        ),
        (
            "tukang gali di tpu kel. jati minta uang 1 juta",
            "makam bapak di kel jati, penggali minta uang lagi",
        ),
        (
            "rumah biliar kel. jati musiknya keras sampai pagi",
            "tempat bilyar di kel jati jedag jedug tiap malem",
        ),
    ];
    for (one, other) in same {
        assert!(likeness(said(one), said(other)).is_some(), "{one} and {other}");
    }
}

#[test]
fn a_flood_is_told_of_in_many_words_at_once() {
    let (one, other) =
        ("banjir kel. jati, butuh perahu", "ketinggian air 150 cm di kel. jati, arus deras, warga mengungsi");
    assert!(likeness(said(one), said(other)).is_some());
}

#[test]
fn dengue_in_another_rw_is_another_matter() {
    let fogging =
        |rw: &str| said(&format!("minta fogging di rw {rw} kel. duri kosambi, banyak yang kena dbd"));
    assert!(likeness(fogging("07"), fogging("7")).is_some());
    assert_eq!(
        likeness(fogging("07"), said("tolong semprot nyamuk, rw 11 duri kosambi ada demam berdarah")),
        None
    );
}

#[test]
fn a_block_of_flats_is_known_by_its_letter() {
    let lift = "lift rusunawa blok D kel. pulo gebang mati seminggu";
    assert!(
        likeness(said(lift), said("elevator rusun blok D pulogebang tidak berfungsi, kel pulo gebang"))
            .is_some()
    );
    assert_eq!(
        likeness(said(lift), said("blok f rusunawa lift rusak, kel. pulo gebang, ibu hamil naik tangga")),
        None
    );
}

#[test]
fn a_house_and_a_block_are_known_by_what_they_are_called() {
    let tree = "pohon miring depan rumah no 41 kel. petogogan";
    assert!(likeness(said(tree), said("pohon condong ke rumah nomor 41, petogogan")).is_some());
    assert_eq!(likeness(said(tree), said("pohon miring depan rumah no. 7 kel. petogogan")), None);
    // the number of a queue is none of a house
    let queue = said("nomor antrean 41 di puskesmas kel. petogogan belum dipanggil");
    assert_eq!(likeness(said(tree), queue), None);
    let lift = |block: &str| said(&format!("lift rusunawa blok {block} kel. pulo gebang mati"));
    assert!(likeness(lift("Kenanga"), lift("kenanga")).is_some());
    assert_eq!(likeness(lift("Kenanga"), lift("D")), None);
}

#[test]
fn what_is_out_is_not_what_is_too_short_and_what_is_denied_is_nothing() {
    let out = "traffic light perempatan cideng mati";
    assert!(likeness(said(out), said("lampu merah perempatan cideng gambir ga nyala dari subuh")).is_some());
    let different = [
        (out, "durasi lampu hijau perempatan cideng cuma 8 detik"),
        (
            "air pam mati 3 hari di kel. pejagalan",
            "tagihan air di kel. pejagalan naik, airnya ngalir, ga mati",
        ),
        (
            "jukir depan minimarket kel. jati minta 5rb",
            "mobil diparkir di badan jalan depan minimarket kel. jati",
        ),
    ];
    for (one, other) in different {
        assert_eq!(likeness(said(one), said(other)), None, "{one} and {other}");
    }
}

#[test]
fn every_sign_has_a_weight_on_the_side_it_may_speak_for() {
    let file = include_str!("../../normalizer/data/matter_weights.txt");
    let lines = || file.lines().filter(|line| !line.starts_with('#'));
    for line in lines() {
        let name = line.split_whitespace().next().unwrap();
        assert_eq!(
            lines().filter(|other| other.split_whitespace().next() == Some(name)).count(),
            1,
            "{name}"
        );
        assert!(SIGNS.iter().any(|sign| sign.name() == name), "{name} is no sign");
    }
    let weights = signs::read(file);
    for sign in SIGNS {
        assert!(lines().any(|line| line.split_whitespace().next() == Some(sign.name())), "{sign:?}");
        let weight = weights[sign as usize];
        assert!(sign.speaks() != Speaks::For || weight >= 0.0, "{sign:?}");
        assert!(sign.speaks() != Speaks::Against || weight <= 0.0, "{sign:?}");
    }
}

#[test]
fn a_contradiction_says_which_it_is() {
    let apart = |one: &str, other: &str| {
        let (one, other) = (matter(said(one), 0).unwrap(), matter(said(other), 1).unwrap());
        evidence(&other, &one, &Thresholds::default()).err()
    };
    let hole = "lubang besar di Jl. Mawar rw 3 kel. ancol";
    assert_eq!(apart(hole, hole), None);
    assert_eq!(apart(hole, "lubang besar di Jl. Mawar rw 3 kel. jati"), Some(Apart::Region));
    assert_eq!(apart(hole, "lubang besar di Jl. Mawar rw 4 kel. ancol"), Some(Apart::Quarter));
    assert_eq!(apart(hole, "sampah di Jl. Mawar rw 3 kel. ancol belum diangkut"), Some(Apart::Subject));
    assert_eq!(apart("lubang besar di jalan", "ada lubang besar di jalan sini"), Some(Apart::Unplaced));
}

#[test]
fn an_index_finds_by_a_name_what_no_kelurahan_and_no_kind_joins() {
    let found = |first: &str, second: &str| {
        let mut index = Index::default();
        index.insert(kept(1, first, 0));
        !index.alike(0, &matter(said(second), 5).unwrap(), &Thresholds::default()).is_empty()
    };
    // only the kecamatan is said, and the street without a capital letter
    assert!(found(
        "tutup got hilang di Jl. Hadiah Utama, Kel. Wijaya Kusuma",
        "tutup got tengah jalan hadiah utama ilang dicolong, grogol petamburan",
    ));
    // the rules know no kind of trouble in the second
    assert!(found(
        "Plafon kelas SDN 07 Kel. Bali Mester ambruk, siswa belajar di musala",
        "SD 07 bali mester, anak kami belajarnya gantian di musala, kapan dibenerin",
    ));
}

#[test]
fn one_of_many_is_not_another_of_them() {
    let same = ("toilet SDN Ancol 05 mampet, kel. ancol", "wc sd ancol 5 kel. ancol mampet lagi");
    assert!(likeness(said(same.0), said(same.1)).is_some());
    let different = [
        ("toilet SDN 05 kel. ancol rusak", "toilet sdn 7 kel. ancol rusak semua, murid antre"),
        ("JAK 39 jarang lewat kel. ancol", "jak 12 jarang lewat kel. ancol"),
        ("lubang besar depan masjid Al Ikhlas kel. ancol", "lubang di depan masjid At Taqwa, kel. ancol"),
        ("tutup got hilang depan toko obat, kel. ancol", "tutup got hilang di Jl. Mawar kel. ancol"),
        ("tutup got bunyi di tikungan gg masjid kel. ancol", "tutup got hilang di zebra cross kel. ancol"),
        ("pompa mati di rw 3 kel. ancol, nanti banjir baru sibuk", "banjir sepinggang kel. ancol rw 4"),
    ];
    for (one, other) in different {
        assert_eq!(likeness(said(one), said(other)), None, "{one} and {other}");
    }
}

#[test]
fn one_photo_is_one_matter_whatever_is_written_with_it() {
    let photo = |hash: &str| AttachmentRef {
        id: "1".to_owned(),
        kind: AttachmentKind::Image,
        content_type: None,
        bytes: None,
        sha256: Some(hash.repeat(32)),
        url: None,
        state: None,
        reason: None,
    };
    let plain = matter(said("tolong ini diperhatikan, lihat gambar"), 0).unwrap();
    let other = matter(said("jalan berlubang parah di depan pasar"), 1).unwrap();
    assert_eq!(compare(&other, &plain, &Thresholds::default()), None);
    let plain = plain.with_photos(&[photo("ab")]);
    let shown = other.clone().with_photos(&[photo("cd"), photo("ab")]);
    let alike = compare(&shown, &plain, &Thresholds::default()).unwrap();
    assert!(alike.reasons.contains(&"same photo".to_owned()), "{alike:?}");
    assert_eq!(compare(&other.with_photos(&[photo("cd")]), &plain, &Thresholds::default()), None);
}

#[test]
fn old_matters_are_not_joined() {
    let text = "lampu jalan mati di gang mawar kel. pondok bambu";
    let (first, later) = (matter(said(text), 0).unwrap(), matter(said(text), 24 * 15).unwrap());
    assert_eq!(compare(&later, &first, &Thresholds::default()), None);
    assert!(compare(&later, &first, &Thresholds { days: 20, ..Thresholds::default() }).is_some());
}

#[test]
fn an_index_finds_those_that_are_alike_the_oldest_first() {
    let mut index = Index::default();
    let texts = [
        "anjing liar mengejar warga di kel. cibubur rw 8",
        "monyet masuk dapur di kel. cibubur rw 8",
        "anjing liar mengejar warga di kel. cibubur rw 8",
        "banjir di kel. rawa buaya",
    ];
    for (number, text) in (0..).zip(texts) {
        index.insert(kept(number, text, number));
    }
    let dogs = matter(said("segerombol anjing tanpa pemilik, Cibubur RW 08"), 30).unwrap();
    let alike = |matter: &Matter| index.alike(0, matter, &Thresholds::default());
    assert_eq!(alike(&dogs).iter().map(|link| link.serial).collect::<Vec<_>>(), [0, 2]);
    let library = matter(said("perpustakaan keliling tidak datang di kel. marunda"), 30).unwrap();
    assert_eq!(alike(&library), []);
}

/// Which of two, the second of which repeats the first, another repeats.
fn repeated(first: &str, second: &str, third: &str) -> Option<i64> {
    let (first, second) = (kept(1, first, 0), Kept { first: 1, ..kept(2, second, 2) });
    let third = matter(said(third), 4).unwrap();
    let thresholds = Thresholds::default();
    let mut index = Index::default();
    for kept in [&first, &second] {
        index.insert(kept.clone());
    }
    let alike: Vec<Link> =
        { index.alike(0, &third, &thresholds).into_iter() }.map(|link| Link { first: 1, ..link }).collect();
    assert!(alike.iter().any(|link| link.serial == 2), "it is like the second: {alike:?}");
    let mut asked = 0;
    let link = link(&third, alike, &thresholds, |first_serial, report| {
        assert_eq!(first_serial, 1);
        asked += 1;
        [&first, &second].iter().for_each(|kept| report(&kept.matter));
        Ok::<_, ()>(())
    });
    assert_eq!(asked, 1, "once for one matter");
    link.unwrap().map(|link| link.serial)
}

#[test]
fn who_repeats_a_matter_agrees_with_all_its_reports_and_not_with_one_alone() {
    let (quarter, mosque) = ("lubang depan masjid kel. ancol rw 5", "lubang besar depan masjid kel. ancol");
    assert!(repeated(quarter, mosque, "jalan lubang depan masjid rw 5 kel. ancol makin lebar").is_some());
    assert_eq!(repeated(quarter, mosque, "jalan lubang depan masjid rw 7 kel. ancol makin lebar"), None);
}

#[test]
fn what_is_too_old_or_says_no_place_does_not_contradict() {
    let (old, unplaced, elsewhere) = (Err(Apart::Late), Err(Apart::Unplaced), Err(Apart::Region));
    assert_eq!(together(&[Ok(3.0), old, unplaced, Ok(1.0)]), Some(2.0));
    assert_eq!(together(&[old, unplaced]), None);
    assert!(together(&[Ok(1.0), elsewhere]).unwrap() < 0.0);
    assert!(together(&[Ok(6.0), elsewhere, elsewhere]).unwrap() > 3.0, "one photo in common is not outvoted");
}

#[test]
fn a_matter_is_small_and_read_back_as_it_was() {
    let reporter = DraftReporter { id: Some("warga-7".to_owned()), ..DraftReporter::default() };
    let long =
        "Truk ekspedisi parkir di depan musholla At-Taqwa Gang Lontar RT 3 RW 5 Kel. Rawa Badak Utara. "
            .repeat(200);
    let whole = matter(Draft { reporter, ..said(&long) }, 0).unwrap();
    let bytes = whole.to_bytes();
    assert!(bytes.len() <= 400, "{} bytes", bytes.len());
    assert_eq!(Matter::from_bytes(&bytes), Some(whole));
    for end in 0..bytes.len() {
        assert_eq!(Matter::from_bytes(&bytes[..end]), None, "cut off at {end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_a_matter_that_is_read_back_and_like_itself(one in ".{0,200}", other in "[a-z .]{0,200}") {
        let (one, other) = (matter(said(&format!("lapor {one}")), 0), matter(said(&format!("lapor {other}")), 1));
        for known in one.iter().chain(&other) {
            let read = Matter::from_bytes(&known.to_bytes());
            prop_assert_eq!(read.as_ref(), Some(known));
        }
        if let (Some(one), Some(other)) = (one, other) {
            let forth = compare(&one, &other, &Thresholds::default());
            prop_assert!(forth.is_none_or(|alike| (0.0..=1.0).contains(&alike.score)));
        }
    }

    #[test]
    fn garbage_is_no_matter(bytes in vec(any::<u8>(), 0..400), place in any::<proptest::sample::Index>()) {
        // whatever is read of it can be compared
        let kept = matter(said("got mampet di gang mawar kel. ancol"), 0).unwrap();
        let mut spoilt = kept.to_bytes();
        let at = place.index(spoilt.len());
        spoilt[at] ^= bytes.first().copied().unwrap_or(1);
        for read in [&bytes, &spoilt].into_iter().filter_map(|bytes| Matter::from_bytes(bytes)) {
            let alike = compare(&read, &kept, &Thresholds::default());
            prop_assert!(alike.is_none_or(|alike| (0.0..=1.0).contains(&alike.score)));
        }
    }
}

#[test]
fn every_pattern_is_met_by_its_own_words() {
    let unmet = unmet();
    assert!(unmet.is_empty(), "{} patterns are never met: {unmet:#?}", unmet.len());
}
