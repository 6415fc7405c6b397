//! The day's list, and the receipt's code.

use muara_connectors::desk::area;
use muara_normalizer::Reference;
use reqwest::StatusCode;

use super::office::Office;

#[tokio::test]
async fn the_days_list_has_the_offices_own_entries_and_nothing_of_the_citizens() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let mut joko = office.signed_in("kelurahan", "joko").await;
    let first = siti.enter(&[("category", "Jalan"), ("urgent", "1")]).await.reference();
    siti.open("").await;
    let second = siti.enter(&[("description", "Pohon tumbang.")]).await.reference();
    let theirs = joko.enter(&[]).await.reference();
    assert_eq!(siti.open("/today").await, StatusCode::OK);
    let page = &siti.html;
    let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("no {words} in {page}"));
    assert!(at(&second) < at(&first), "newest first");
    for words in ["Jalan", "Mendesak", "Diterima", "<strong>2</strong> laporan"] {
        at(words);
    }
    for words in [&*theirs, "Budi", "Teuku Umar", "Pohon"] {
        assert!(!page.contains(words), "{words} in {page}");
    }
    let mut stranger = office.browser("kelurahan");
    stranger.open("/today").await;
    assert!(stranger.html.contains("Kata sandi") && !stranger.html.contains(&first));
}

/// What the code in a page says.
pub(crate) fn read(html: &str) -> String {
    let part = |before: &str| {
        let code = &html[html.find("<svg class=\"qr\"").unwrap()..];
        let (_, rest) = code.split_once(before).unwrap_or_else(|| panic!("no {before} in {code}"));
        rest.split('"').next().unwrap().to_owned()
    };
    let view = part("viewBox=\"0 0 ");
    let size: usize = view.split_once(' ').unwrap().0.parse().unwrap();
    // `Mx yh3v1h-3z` is a run of three dark modules
    let mut dark = vec![false; size * size];
    for run in part("<path d=\"M").split('M') {
        let Some((x, rest)) = run.split_once(' ') else { continue };
        let Some((y, rest)) = rest.split_once('h') else { continue };
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = rest.split('v').next().unwrap().parse().unwrap();
        dark[y * size + x..][..length].fill(true);
    }
    const SCALE: usize = 6;
    let module = |x: usize, y: usize| dark[y / SCALE * size + x / SCALE];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(size * SCALE, size * SCALE, |x, y| {
        if module(x, y) { 0 } else { 255 }
    });
    let codes = image.detect_grids();
    assert_eq!(codes.len(), 1);
    codes[0].decode().unwrap().1
}

#[tokio::test]
async fn the_code_on_a_receipt_reads_as_its_reference() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let reference = siti.enter(&[]).await.reference();
    siti.open(&format!("/receipts/{reference}")).await;
    let text = read(&siti.html);
    assert_eq!(text, reference);
    assert!(text.parse::<Reference>().is_ok());
}

#[tokio::test]
async fn a_kelurahan_is_taken_by_its_label_its_name_or_its_code() {
    let office = Office::open().await;
    let mut labels: Vec<_> = area::all().map(area::label).collect();
    let count = labels.len();
    labels.sort();
    labels.dedup();
    assert_eq!(labels.len(), count, "no two labels are alike");
    let mut siti = office.signed_in("kelurahan", "siti").await;
    for written in ["Ceger, Kec. Cipayung, Jakarta Timur", "ceger", "31.75.10.1008"] {
        siti.open("").await;
        siti.enter(&[("region", written)]).await.reference();
        let draft = office.drafts().pop().unwrap();
        let code = draft.place.region.unwrap();
        assert_eq!(muara_normalizer::region::find(&code).unwrap().name, "Ceger", "{written}");
    }
}
