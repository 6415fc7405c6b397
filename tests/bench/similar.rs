//! How long it takes to find a complaint about the same matter among many, and to normalize one.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use muara::store::{Settings, Store, SyncMode};
use muara_normalizer::{
    ComplaintId, Draft, Normalizer, Receipt,
    draft::{DraftPlace, SourceTime},
    identity::PrivacyKey,
    ids::ReferenceKey,
    region::{self, Level},
    similarity::{Kept, Matter, Thresholds},
};

use crate::{reports::Numbers, table::Verdict};

/// Complaints in the window, one step after another.
const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Searches measured at each size.
const SEARCHES: u32 = 2_000;
/// Different complaints; the window is filled with them over and over, each time as sent at another time.
const DISTINCT: u32 = 40_000;

/// The commonest first: reality is skewed.
const MATTERS: [&str; 16] = [
    "jalan berlubang dalam bgt, motor sudah banyak jatuh",
    "mobil parkir liar menutup jalan warga tiap sore",
    "sampah menumpuk bau sudah 3 hari blm diangkut",
    "pohon besar miring mau tumbang, mohon ditoping",
    "lampu PJU mati gelap gulita tiap malam",
    "got mampet air meluap kalau hujan",
    "banjir selutut sejak subuh",
    "musik keras sampai jam 2 pagi, ga bisa tidur",
    "PKL menutup trotoar, pejalan kaki turun ke jalan",
    "air PAM keruh dan bau sejak senin",
    "kabel internet semrawut menjuntai rendah",
    "tutup saluran hilang, berbahaya utk anak2",
    "trotoar rusak paving lepas semua",
    "anjing liar mengejar warga lari pagi",
    "spanduk caleg belum dicopot",
    "jentik nyamuk di rumah kosong, ada yg kena DBD",
];
const NAMES: [&str; 12] = [
    "Melati",
    "Kenanga",
    "Haji Mansyur",
    "Damai",
    "Anggrek",
    "Pahlawan",
    "Merpati",
    "Mawar",
    "Pemuda",
    "Garuda",
    "Cendana",
    "Flamboyan",
];
const NEAR: [&str; 8] = [
    "depan apotek",
    "dekat SD 03",
    "samping masjid Al Ikhlas",
    "belakang pasar",
    "dekat stasiun",
    "depan minimarket",
    "pinggir kali",
    "tikungan",
];

/// Prints how long searches take; whether the targets are met.
pub(crate) async fn search(folder: &Path) -> bool {
    let store = folder.join("similar.db");
    let settings = Settings { sync: SyncMode::Off, ..Settings::new(&store) };
    let file = store;
    let store = Store::open(&settings).unwrap();
    let mut numbers = Numbers(11);
    let normalizer = Normalizer::new(PrivacyKey::throw_away());
    let now = Timestamp::from_second(1_793_000_000).unwrap();
    let distinct: Vec<Matter> = (0..DISTINCT).map(|_| matter(&normalizer, &mut numbers, now)).collect();
    println!("\ncandidates in the window   p50 ms   p99 ms   max ms   bytes each   linked");
    let (mut filled, mut medians, mut slowest) = (0, Vec::new(), f64::NAN);
    for size in SIZES {
        while filled < size {
            let end = (filled + 5_000).min(size);
            let part = (filled..end).map(|serial| {
                let mut matter = distinct[below(&mut numbers, distinct.len())].clone();
                // over the window, in order
                matter.at =
                    now - SignedDuration::from_secs(14 * 86_400 * i64::from(size - serial) / i64::from(size));
                let serial = i64::from(serial) + 1;
                Kept { serial, id: ComplaintId(numbers.uuid()), first: serial, matter: matter.into() }
            });
            store.keep_matters(part.collect()).await.unwrap();
            filled = end;
        }
        let (mut times, thresholds) = (Vec::new(), Thresholds::default());
        let mut linked = 0;
        for _ in 0..SEARCHES {
            let matter = matter(&normalizer, &mut numbers, now);
            let new = Kept {
                serial: i64::MAX,
                id: ComplaintId(numbers.uuid()),
                first: i64::MAX,
                matter: matter.into(),
            };
            let start = Instant::now();
            let alike = store.alike(std::slice::from_ref(&new), &thresholds).unwrap();
            let batch = vec![(new, alike.into_iter().next().unwrap())];
            let before = store.before(batch, thresholds.clone()).await.unwrap();
            times.push(start.elapsed());
            linked += u32::from(before[0].alike.is_some());
        }
        times.sort_unstable();
        let bytes = [&file, &file.with_extension("db-wal")]
            .map(|file| std::fs::metadata(file).map_or(0, |file| file.len()));
        let bytes = bytes.iter().sum::<u64>() / u64::from(size);
        let [median, late, last] = [0.5, 0.99, 1.0].map(|share| ms(at(&times, share)));
        println!(
            "{size:>24}   {median:>6.2}   {late:>6.2}   {last:>6.2}   {bytes:>10}   {linked:>4} of {SEARCHES}"
        );
        medians.push(median);
        slowest = late;
    }
    store.close().await;
    let verdicts = [
        Verdict::at_most("p99 of a search for like ones among 1,000,000, ms", slowest, 5.0),
        Verdict::at_most("median at 1,000,000, relative to the one at 10,000", medians[2] / medians[0], 10.0),
    ];
    verdicts.iter().filter(|verdict| !verdict.print()).count() == 0
}

/// Prints how long one complaint takes to be normalized on one processor; whether the target is met.
pub(crate) fn normalize() -> bool {
    const ROUNDS: usize = 20_000;
    let normalizer = Normalizer::new(PrivacyKey::throw_away());
    let now = Timestamp::from_second(1_793_000_000).unwrap();
    let mut numbers = Numbers(5);
    let texts: Vec<String> = (0..2_000).map(|_| text(&mut numbers)).collect();
    // reads the rules
    drop(normalized(&normalizer, &texts[0], None, now));
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let text = &texts[round % texts.len()];
            let start = Instant::now();
            drop(normalized(&normalizer, text, None, now));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let [median, late] = [0.5, 0.99].map(|share| ms(at(&times, share)) * 1000.0);
    println!("\nnormalize alone: median {median:.0} µs, p99 {late:.0} µs a complaint");
    Verdict::at_most("median of normalizing one complaint, µs", median, 100.0).print()
}

fn text(numbers: &mut Numbers) -> String {
    let kelurahan: Vec<&str> = region::all()
        .filter(|region| region.level == Level::Kelurahan)
        .map(|region| region.name.as_str())
        .collect();
    let street = if numbers.below(2) == 0 { "Jl." } else { "Gang" };
    let (what, near) = (MATTERS[skewed(numbers, MATTERS.len())], NEAR[below(numbers, NEAR.len())]);
    let (name, place) = (NAMES[below(numbers, NAMES.len())], kelurahan[skewed(numbers, kelurahan.len())]);
    let (rt, rw) = (1 + numbers.below(12), 1 + numbers.below(9));
    match numbers.below(4) {
        0 => format!("{what} di {street} {name} {near}, Kel. {place}"),
        1 => format!("min tolong {near} {street} {name} kel {place} {what}"),
        2 => format!(
            "{what}. {near} RT {rt:02}/RW {rw:02} Kelurahan {place}. Mohon segera ditindaklanjuti, terima kasih"
        ),
        _ => format!("lapor kel. {place} rw {rw} {what}"),
    }
}

fn matter(normalizer: &Normalizer, numbers: &mut Numbers, now: Timestamp) -> Matter {
    let point = (numbers.below(2) == 0).then(|| {
        let part = |numbers: &mut Numbers| {
            f64::from(u32::try_from(numbers.below(200_000)).unwrap_or_default()) / 1e6
        };
        (-6.32 + part(numbers), 106.72 + part(numbers))
    });
    let text = text(numbers);
    normalized(normalizer, &text, point, now).unwrap()
}

fn normalized(
    normalizer: &Normalizer,
    text: &str,
    point: Option<(f64, f64)>,
    now: Timestamp,
) -> Option<Matter> {
    let place = DraftPlace { lat: point.map(|p| p.0), lon: point.map(|p| p.1), ..DraftPlace::default() };
    let sent_at = Some(SourceTime::Instant(now));
    let draft = Draft { text: text.to_owned(), sent_at, place, ..Draft::default() };
    let receipt = Receipt {
        id: ComplaintId::from_parts(now, &[0; 10]),
        reference: ReferenceKey::new([0; 16]).reference(1),
        channel: "qlue".parse().unwrap(),
        connector: "qlue".to_owned(),
        received_at: now,
    };
    normalizer.normalize(draft, &receipt).unwrap().matter
}

fn below(numbers: &mut Numbers, bound: usize) -> usize {
    usize::try_from(numbers.below(u64::try_from(bound).unwrap_or(1))).unwrap_or_default()
}

/// The lowest of three draws: the first hundredth of a list is drawn in one of thirty-four.
fn skewed(numbers: &mut Numbers, bound: usize) -> usize {
    (0..3).map(|_| below(numbers, bound)).min().unwrap_or_default()
}

fn at(times: &[Duration], share: f64) -> Duration {
    let last = times.len() - 1;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = (share * f64::from(u32::try_from(last).unwrap_or(u32::MAX))).round() as usize;
    times[place.min(last)]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
