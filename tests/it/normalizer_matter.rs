//! What two texts say against being of one matter, and what for it, where the words alone would mislead.
#![allow(clippy::unwrap_used)]

use jiff::SignedDuration;
use muara_normalizer::{
    Draft, Receipt,
    draft::SourceTime,
    reading::Reading,
    similarity::{Matter, Thresholds, compare, evidence, signs::Sign},
};

use crate::normalizer::{normalizer, now, receipt, said};

/// What a text is about that was sent so many minutes after the first.
fn matter(text: &str, minutes: i64) -> Matter {
    let at = now() + SignedDuration::from_mins(minutes);
    let draft = Draft { sent_at: Some(SourceTime::Instant(at)), ..said(text) };
    normalizer(1).normalize(draft, &Receipt { received_at: at, ..receipt() }).unwrap().matter.unwrap()
}

/// How much there is of a sign between a text and one a day later.
fn value(sign: Sign, first: &str, second: &str) -> f64 {
    after(24 * 60, sign, first, second)
}

fn after(minutes: i64, sign: Sign, first: &str, second: &str) -> f64 {
    let (old, new) = (matter(first, 0), matter(second, minutes));
    let evidence = evidence(&new, &old, &Thresholds::default()).unwrap();
    evidence.values()[sign as usize]
}

fn has(sign: Sign, first: &str, second: &str) -> bool {
    value(sign, first, second) > 0.0
}

#[test]
fn what_one_says_is_not_so_speaks_against_the_others() {
    let flood = "Banjir di permukiman nelayan, Kel. Pluit";
    assert!(has(Sign::Denied, flood, "Genangan depan pasar ikan, ini bukan banjir, got mampet. Kel. Pluit"));
    assert!(!has(Sign::Denied, flood, "Genangan depan pasar ikan, banjir lagi, got mampet. Kel. Pluit"));
    // what has not fallen is another matter than what has
    let fallen = matter("Pohon mahoni tumbang menutup Jl. Ciputat Raya, Kel. Pondok Pinang", 0);
    let leaning = matter("Mahoni di Jl. Ciputat Raya doyong, belum tumbang. Kel. Pondok Pinang", 60);
    assert!(evidence(&leaning, &fallen, &Thresholds::default()).is_err());
    // nothing is left that both are about
    let queue = matter("Antrean puskesmas Rawa Terate 8 jam, dokter cuma satu", 0);
    let medicine = matter("Obat kosong di puskesmas Rawa Terate, antreannya sendiri lancar", 60);
    assert!(evidence(&medicine, &queue, &Thresholds::default()).is_err());
    // there is none of what only belongs to it
    let levy = "Petugas makam TPU Tegal Alur minta uang gali kubur";
    assert!(!has(Sign::Denied, levy, "Penggali kubur TPU Tegal Alur minta uang, tidak ada kuitansi"));
}

#[test]
fn what_is_conceded_or_mended_is_not_the_matter() {
    let queue = matter("Antrean puskesmas Rawa Terate 8 jam, dokter cuma satu", 0);
    for conceded in [
        "Poli gigi puskesmas Rawa Terate tutup. Antrean depan sih ngga masalah, tapi gigi anak saya bengkak",
        "Kursi puskesmas Rawa Terate patah semua, antrean-nya baik-baik saja",
        "Obat kosong di puskesmas Rawa Terate, antri sih ga lama",
    ] {
        assert_eq!(compare(&matter(conceded, 60), &queue, &Thresholds::default()), None, "{conceded}");
    }
    let worn = "Marka zebra cross depan SMP tidak terlihat lagi, Kel. Kebon Jeruk";
    let mended =
        "Zebra cross depan SMP Kel. Kebon Jeruk sudah dicat ulang, tapi rambunya masih tertutup dahan";
    let worse = "Zebra cross depan SMP Kel. Kebon Jeruk sudah dicat ulang tapi pudar lagi";
    let same = |text: &str| {
        let (new, old) = (matter(text, 60), matter(worn, 0));
        let told = evidence(&new, &old, &Thresholds::default());
        told.is_ok_and(|told| told.values()[Sign::SubjectRare as usize] > 0.0)
    };
    assert!(!same(mended));
    assert!(same(worse));
    let lights = matter("Lampu merah simpang Rawasari padam, Kel. Rawasari", 0);
    let short =
        "Lampu lalu lintas simpang Rawasari menyala normal, tetapi hijaunya cuma 8 detik. Kel. Rawasari";
    assert_eq!(compare(&matter(short, 60), &lights, &Thresholds::default()), None);
    let lift = matter("Lift tower A rusunawa Angke mati", 0);
    let water = matter("Kami tidak butuh lift, yang penting air rusunawa Angke keruh", 60);
    assert_eq!(compare(&water, &lift, &Thresholds::default()), None);
}

#[test]
fn another_rt_tells_of_what_strikes_a_neighbourhood_too() {
    let here = "Warga RT 9 RW 2 Kampung Melayu pada kena demam berdarah";
    let there = "bu di kampung melayu rt 8 rw 2 jg ada yg kena demam berdarah";
    assert!(has(Sign::RtDiffersWide, here, there));
    assert!(!has(Sign::RtDiffersWide, here, "bu di kampung melayu rt 9 rw 2 ada yg kena demam berdarah"));
}

#[test]
fn the_regions_of_java_complain_in_their_own_words() {
    let indonesian = "Lampu jalan mati di Gang Swadaya, Kel. Pejaten Timur, gelap sekali";
    for said in [
        "punten min, lampune mati ning gang swadaya pejaten timur, peteng dedet, wedi lewat",
        "lampu jalan gang swadaya pejaten timur paeh, poek pisan, teu aya nu ngalereskeun",
    ] {
        assert!(has(Sign::Street, indonesian, said), "{said}");
    }
    let java = Reading::of("dalane durung didandani, banyune mboten mili");
    let meant: Vec<(&str, bool)> = java.terms.iter().map(|term| (term.text.as_str(), term.negated)).collect();
    assert_eq!(meant[0], ("jalannya", false));
    assert_eq!((meant[1].0, meant[2].1), ("belum", true));
    assert_eq!((meant[4].0, meant[5].1), ("tidak", true));
}

#[test]
fn without_a_pattern_a_text_is_read_as_before_it_was_made() {
    let text = "Lampu jalan mati di Gang Swadaya, Kel. Pejaten Timur";
    let complaint = normalizer(1).normalize(said(text), &receipt()).unwrap().complaint;
    let reading = Reading::of(text);
    let (mut asked, old) = (0, matter("Lampu PJU Gang Swadaya Pejaten Timur padam", -60));
    let all = Matter::by(&complaint, &reading, |_| {
        asked += 1;
        true
    });
    let none = Matter::by(&complaint, &reading, |_| false).unwrap();
    assert!(asked > 0);
    assert_eq!(all, Matter::of(&complaint, &reading));
    let known = |new: &Matter| {
        evidence(new, &old, &Thresholds::default()).unwrap().values()[Sign::SubjectRare as usize]
            + evidence(new, &old, &Thresholds::default()).unwrap().values()[Sign::SubjectCommon as usize]
    };
    assert!(known(&all.unwrap()) > 0.0);
    assert!(known(&none).abs() < f64::EPSILON);
}

#[test]
fn what_is_over_is_only_mentioned() {
    let flood = "Banjir selutut di Gang Buntu, Kel. Pejaten Timur";
    let mud = "Lumpur sisa banjir setebal mata kaki di Gang Buntu Pejaten Timur belum dibersihkan";
    let (old, new) = (matter(flood, 0), matter(mud, 60));
    // nothing, or at least no trouble in common
    let shared = [Sign::SubjectRare, Sign::SubjectCommon, Sign::SubjectVague];
    if let Ok(told) = evidence(&new, &old, &Thresholds::default()) {
        let values = told.values();
        assert!(shared.iter().all(|sign| values[*sign as usize].abs() < f64::EPSILON), "{values:?}");
    }
    // a cable as high as a chest is no flood
    let cable = "Kabel internet menjuntai setinggi dada di Gang Buntu, Kel. Pejaten Timur";
    assert!(evidence(&matter(cable, 60), &matter(flood, 0), &Thresholds::default()).is_err());
}

#[test]
fn one_of_many_is_told_by_its_number_whatever_else_is_shared() {
    let tower = "Lift tower A Rusunawa Jatinegara Barat mati, Kel. Kampung Melayu";
    assert!(has(Sign::NumbersDiffer, tower, "rusunawa jatinegara barat twr B liftnya mati, kampung melayu"));
    assert!(!has(Sign::NumbersDiffer, tower, "rusunawa jatinegara barat twr A liftnya mati, kampung melayu"));
    let street = "Bangunan tanpa PBG di Jl. Rasamala II, Menteng Dalam";
    assert!(has(Sign::StreetsDiffer, street, "Bangunan tanpa PBG di Rasamala VII Menteng Dalam"));
    // so is what half a dozen kelurahan are called
    let balcony = "Balkon menjorok ke jalan, Jl. Cipinang Lontar, Pisangan Timur";
    assert!(has(Sign::StreetsDiffer, balcony, "balkon jorok ke jalan, jl cipinang kebembem pisangan timur"));
    // the kelurahan's own name is in the names of many streets
    let dug = "Galian kabel Jl. Kemanggisan Ilir III belum ditutup, Kel. Kemanggisan";
    assert!(has(Sign::StreetsDiffer, dug, "galian PAM jl kemanggisan raya belum ditutup. kel kemanggisan"));
}

#[test]
fn who_says_that_it_is_another_matter_is_believed() {
    let party = "Hajatan di Jembatan Lima RT 6 RW 3, sound system sampai subuh";
    assert!(has(
        Sign::Another,
        party,
        "hajatan lagi di jembatan lima rt 6 rw 3, beda yg minggu kemarin, sound sampe subuh"
    ));
}

#[test]
fn the_missing_are_told_by_their_age() {
    let old = "Bapak saya hilang, 78 tahun, pikun, belum pulang. Kampung Rawa, Kel. Johar Baru";
    assert!(has(Sign::DetailDiffers, old, "anak saya hilang umur 9 th blm pulang ngaji, kel johar baru"));
}

#[test]
fn what_is_brief_is_one_at_once_and_another_days_later() {
    let fire = "Kebakaran gudang di Pekojan belakang masjid, tolong damkar";
    let seen = "api gede di pekojan deket pabrik kardus, damkar mana";
    let soon = after(5, Sign::SoonBrief, fire, seen);
    assert!(soon > 0.9, "{soon}");
    // each tells of it by what stands near himself
    assert_eq!(after(5, Sign::PlacesDiffer, fire, seen).to_bits(), 0.0_f64.to_bits());
    assert!(after(72 * 60, Sign::OverLongAgo, fire, seen) > 0.0);
    assert!(after(72 * 60, Sign::SoonBrief, fire, seen) < 0.01);
}

#[test]
fn of_what_everybody_has_his_own_a_name_in_common_tells() {
    let card = "KJP anak saya Naila belum cair dari September, saya Bu Wartini, Pulo Gebang RW 11";
    let same = "Ibu Wartini RW 011 Kel. Pulo Gebang menanyakan KJP anaknya yang belum cair";
    let other = "KJP anak saya belum cair dari September, Pulo Gebang RW 11";
    assert!(value(Sign::OwnWords, card, same) > value(Sign::OwnWords, card, other));
}

#[test]
fn a_rare_category_in_common_tells_more() {
    let rare = value(
        Sign::CategoryRare,
        "Perpustakaan Kel. Pondok Ranggon terkunci tiap akhir pekan",
        "taman bacaan pondok ranggon digembok mulu, anak2 ga bisa baca buku di perpustakaan",
    );
    let common = value(
        Sign::CategoryRare,
        "Jalan berlubang di Kel. Pondok Ranggon",
        "jalan pondok ranggon bolong parah, aspalnya hancur",
    );
    assert!(rare > common && common > 0.0, "{rare} {common}");
}

#[test]
fn what_citizens_say_of_each_trouble_is_met() {
    let lines = include_str!("../fixtures/quality/troubles.tsv").lines();
    let told = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    let (mut met, mut missed) = (0, Vec::new());
    for (trouble, text) in told.filter(|(trouble, _)| !trouble.ends_with("/?")) {
        let key = trouble.rsplit('/').next().unwrap();
        let receipt = receipt();
        let complaint = normalizer(1).normalize(said(text), &receipt).unwrap();
        if complaint.matter.is_some_and(|matter| matter.tells_of(key)) {
            met += 1;
        } else {
            missed.push(format!("{trouble}: {text}"));
        }
    }
    // a rule that is made narrower misses some; that a part of them is lost is not meant
    assert!(met * 100 >= (met + missed.len()) * 78, "{met} met, missed: {missed:#?}");
}
