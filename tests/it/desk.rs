//! The walk-in desk over HTTP: who may enter, what is refused with which words, and one reference for one entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::let_underscore_must_use)]

mod api;
pub(crate) mod office;
mod photos;
mod sign_in;
pub(crate) mod today;

use muara_normalizer::Reference;
use office::Office;
use reqwest::{StatusCode, header};

#[tokio::test]
async fn an_entry_is_on_disk_and_its_receipt_says_what_the_citizen_needs() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let words = [("category", "Jalan"), ("rt", "3"), ("phone", "0812 3456 7890"), ("urgent", "1")];
    let reference = siti.enter(&words).await.reference();
    assert!(reference.parse::<Reference>().is_ok(), "{reference}");

    assert_eq!(siti.open(&format!("/receipts/{reference}")).await, StatusCode::OK);
    for words in ["Nomor laporan Anda", &reference, "Kelurahan Menteng", "Siti Aminah", "WIB", "Entri baru"] {
        assert!(siti.html.contains(words), "no {words} in {}", siti.html);
    }
    assert!(!siti.html.contains("Budi"), "a receipt lies about: it names no citizen");

    let drafts = office.drafts();
    assert_eq!(drafts.len(), 1);
    let draft = &drafts[0];
    assert_eq!(draft.text, "Jalan berlubang di depan sekolah.");
    assert_eq!(draft.office.as_deref(), Some("Kelurahan Menteng"));
    assert_eq!(draft.place.office_region.as_ref().unwrap().as_str(), "31.71.06.1001");
    assert_eq!(draft.reporter.name.as_deref(), Some("Budi Santoso"));
    assert!(draft.urgent);
}

#[tokio::test]
async fn the_same_form_sent_again_is_one_entry_with_one_reference() {
    let office = Office::open().await;
    let siti = office.signed_in("kelurahan", "siti").await;
    let (mut one, mut two) = (siti.clone(), siti.clone());
    let (one, two) = tokio::join!(one.enter(&[]), two.enter(&[]));
    let later = siti.clone().enter(&[]).await;
    assert_eq!(one.reference(), two.reference());
    assert_eq!(one.reference(), later.reference());
    assert_eq!(office.drafts().len(), 1);
}

#[tokio::test]
async fn words_changed_after_going_back_are_an_entry_of_their_own() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let mut again = siti.clone();
    let first = siti.enter(&[]).await.reference();
    let second =
        again.enter(&[("description", "Lubangnya di depan pasar, bukan sekolah.")]).await.reference();
    assert_ne!(first, second);
    assert_eq!(office.drafts().len(), 2);
}

#[tokio::test]
async fn every_wrong_field_is_told_at_once_in_indonesian_and_the_words_stay() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let words = [
        ("name", ""),
        ("phone", "12"),
        ("nik", "123"),
        ("email", "budi@"),
        ("description", ""),
        ("address", ""),
        ("rt", "abc"),
        ("region", "99"),
        ("occurred_at", "kemarin"),
        ("consent", ""),
        ("title", "Judul <b>\"yang\"</b> tinggal"),
    ];
    let answer = siti.enter(&words).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for message in [
        "Isi nama pelapor",
        "Nomor telepon tidak lengkap",
        "NIK terdiri atas 16 angka",
        "Alamat surel tidak benar",
        "Isi uraian laporan",
        "Isi alamat atau patokan",
        "Isi dengan 1–3 angka",
        "Kelurahan ini tidak ada",
        "Tanggal dan jam tidak terbaca",
        "persetujuan pelapor",
    ] {
        assert!(answer.body.contains(message), "no {message} in {}", answer.body);
    }
    assert!(answer.body.contains("Judul &#60;b&#62;"), "words stay, escaped: {}", answer.body);
    assert_eq!(office.store.levels().quarantined, 0, "a slip of typing is no matter for the quarantine");
    assert!(office.drafts().is_empty());

    // put right, it goes through with the key it had
    assert_eq!(siti.enter(&[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_without_its_token_or_with_another_sessions_is_not_taken() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let others = office.signed_in("kelurahan", "joko").await.hidden("csrf");
    for token in ["", "0123456789abcdef0123456789abcdef", &others] {
        let answer = siti.clone().enter(&[("csrf", token)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
        assert!(answer.body.contains("Jalan berlubang"), "the words stay");
    }
    assert!(office.drafts().is_empty());
    assert_eq!(siti.enter(&[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_of_another_site_is_not_taken() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let form = siti.filled(&[]);
    for (name, value) in [
        ("origin", "https://jahat.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = siti.post("").form(&form).header(name, value);
        assert_eq!(siti.clone().send(request, "").await.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert!(office.drafts().is_empty());
    let request = siti.post("").form(&form).header("origin", &office.url);
    assert_eq!(siti.send(request, "").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_receipt_is_shown_only_where_it_was_made() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let reference = siti.enter(&[]).await.reference();
    let path = format!("/receipts/{reference}");

    let mut elsewhere = office.signed_in("kelurahan", "siti").await;
    assert_eq!(elsewhere.open(&path).await, StatusCode::NOT_FOUND, "another browser");
    let mut joko = office.signed_in("kelurahan", "joko").await;
    let stolen = siti.cookies.iter().find(|((name, _), _)| name == "muara_desk_receipt").unwrap();
    joko.cookies.insert(stolen.0.clone(), stolen.1.clone());
    assert_eq!(joko.open(&path).await, StatusCode::NOT_FOUND, "another office");
    let first = reference.chars().next().unwrap();
    let other = path.replace(first, if first == 'Z' { "Y" } else { "Z" });
    assert_eq!(siti.open(&other).await, StatusCode::NOT_FOUND, "another reference");
    siti.cookies.retain(|(name, _), _| name != "muara_desk");
    siti.open(&path).await;
    assert!(siti.html.contains("Kata sandi") && !siti.html.contains(&reference), "signed out");
}

#[tokio::test]
async fn what_the_gateway_cannot_take_stays_in_the_form_with_when_to_send_again() {
    let office = Office::open_with("[store]\nhigh_water_rows = 1\n[intake]\nretry_after_seconds = 30").await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    siti.enter(&[]).await.reference();
    siti.open("").await;
    let answer = siti.enter(&[("description", "Pohon tumbang menutup jalan.")]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header(header::RETRY_AFTER), "30");
    assert!(answer.body.contains("Pohon tumbang menutup jalan."));
    assert!(answer.body.contains("kirim lagi dalam 30 detik"), "{}", answer.body);
}

#[tokio::test]
async fn a_form_too_large_is_refused() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let form = siti.filled(&[("description", &"a".repeat(65 * 1024))]);
    let mut stranger = office.browser("kelurahan");
    let request = stranger.post("").form(&form);
    let answer = stranger.send(request, "").await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("64 KB"), "{}", answer.body);
    let answer = siti.enter(&[("description", &"a".repeat(13 * 1024 * 1024))]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(office.drafts().is_empty());
}

#[tokio::test]
async fn only_configured_desks_have_a_page() {
    let office = Office::open().await;
    for (channel, status, words) in [
        ("tidak_ada", StatusCode::NOT_FOUND, "Tidak ada loket di alamat ini"),
        ("qlue", StatusCode::NOT_FOUND, "Tidak ada loket di alamat ini"),
        ("tutup", StatusCode::SERVICE_UNAVAILABLE, "dinonaktifkan"),
        ("kecamatan", StatusCode::OK, "Kata sandi"),
    ] {
        let mut browser = office.browser(channel);
        assert_eq!(browser.open("").await, status, "{channel}");
        assert!(browser.html.contains(words), "{channel}: {}", browser.html);
    }
}

#[tokio::test]
async fn pages_are_not_kept_and_allow_nothing_from_elsewhere() {
    let office = Office::open().await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    let request = siti.get("");
    let answer = siti.send(request, "").await;
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::REFERRER_POLICY), "same-origin");
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!answer.body.contains("style=") && !answer.body.contains("<style"), "no inline style");
    assert!(!answer.body.contains("://"), "no address of anybody else");
    // what the page links to is there, and may be kept for ever
    let links = answer.body.split('"').filter(|text| text.starts_with("/desk/-/")).collect::<Vec<_>>();
    assert_eq!(links.len(), 6, "{links:?}");
    let mut first_load = answer.body.len();
    for link in links {
        let file = reqwest::get(format!("{}{link}", office.url)).await.unwrap();
        assert_eq!(file.status(), StatusCode::OK, "{link}");
        assert!(file.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        first_load += file.text().await.unwrap().len();
    }
    assert!(first_load < 150_000, "the first page and all it needs: {first_load} bytes");
}

#[test]
fn a_desk_wrongly_configured_is_told_all_that_is_wrong_and_no_hash() {
    let table = r#"
        [offices.menteng]
        name = "Kelurahan Menteng"
        region = "3171061001"
        [offices.bandung]
        name = "Kelurahan Bandung"
        region = "32.73.01.1001"
        [offices."Tebet Barat"]
        region = "31.74.01.1001"
        [officers.siti]
        name = "Siti Aminah"
        password_hash = "rahasia-polos"
        office = "menteng"
        [officers.joko]
        name = "Joko"
        password = "x"
        [officers.rina]
        office = "gambir"
    "#;
    let settings = muara_connectors::desk::CONNECTOR.settings;
    let Err(errors) = settings(table.parse().unwrap()) else { panic!("taken") };
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    for words in [
        "offices.menteng.region: `3171061001`: a Kemendagri region code looks like",
        "offices.bandung.region: there is no region `32.73.01.1001` in Jakarta",
        "offices.Tebet Barat: a key has 1 to 64 characters",
        "offices.Tebet Barat.name: is missing or empty",
        "officers.siti.password_hash: this is not an argon2id hash",
        "make one with `muara hash-password`",
        "unknown key `officers.joko.password`",
        "officers.rina.name: is missing or empty",
        "officers.rina.password_hash: is missing or empty",
        "officers.rina.office: there is no office `gambir`; the offices are: Tebet Barat, bandung, menteng",
    ] {
        assert!(told.contains(words), "no {words} in\n{told}");
    }
    assert!(!told.contains("rahasia-polos"));

    let Err(errors) = settings(toml::Table::new()) else { panic!("taken") };
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(told[0].starts_with("offices: name at least one office") && told.len() == 2, "{told:?}");

    let good = office::configuration("", office::hash());
    let config = muara::config::parse(&good, std::path::Path::new("."), &|_| None).unwrap();
    let settings = &config.channels.get("kelurahan").unwrap().settings;
    let own: &muara_connectors::desk::Settings = settings.own().unwrap();
    assert!(!format!("{own:?}{config:?}").contains("argon2id"), "a hash is a secret");
}
