//! Who is let in, for how long, and how guessing is made slow.

use muara::web::desk::session::hash_password;
use reqwest::{StatusCode, header};
use serde_json::json;

use super::office::{Office, PASSWORD};

#[tokio::test]
async fn the_right_password_opens_the_form() {
    let office = Office::open().await;
    let mut siti = office.browser("kelurahan");
    assert_eq!(siti.open("").await, StatusCode::OK);
    assert!(siti.html.contains("Kata sandi") && !siti.html.contains("Uraian laporan"));
    let answer = siti.try_sign_in(" Siti ", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/desk/kelurahan");
    siti.open("").await;
    for words in ["Uraian laporan", "Kelurahan Menteng", "Siti Aminah"] {
        assert!(siti.html.contains(words), "no {words}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words() {
    let office = Office::open().await;
    let wrong = office.browser("kelurahan").try_sign_in("siti", "salah").await;
    let unknown = office.browser("kelurahan").try_sign_in("bukan_siapa_siapa", PASSWORD).await;
    let other = office.browser("kelurahan").try_sign_in("rina", PASSWORD).await;
    for answer in [&wrong, &unknown, &other] {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.body.contains("Nama pengguna atau kata sandi salah."));
        let mut cookies = answer.headers.get_all(header::SET_COOKIE).iter();
        assert!(cookies.all(|cookie| !cookie.to_str().unwrap().starts_with("muara_desk=")));
    }
    assert!(wrong.body.contains("value=\"siti\""), "the name stays");
    assert!(!wrong.body.contains("salah\""), "the password does not");
}

#[tokio::test]
async fn after_five_failures_each_further_one_costs_twice_the_wait() {
    let office = Office::open().await;
    let mut browser = office.browser("kelurahan");
    for _ in 0..5 {
        assert_eq!(browser.sign_in("siti", "salah").await, StatusCode::UNAUTHORIZED);
    }
    for (wait, words) in
        [(60, "1 menit"), (120, "2 menit"), (240, "4 menit"), (480, "8 menit"), (900, "15 menit")]
    {
        let answer = browser.try_sign_in("siti", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "even with the right password");
        assert_eq!(answer.header(header::RETRY_AFTER), wait.to_string());
        assert!(answer.body.contains(&format!("Coba lagi dalam {words}.")), "{}", answer.body);
        office.pass(wait);
        assert_eq!(browser.sign_in("siti", "salah").await, StatusCode::UNAUTHORIZED);
    }
    // a colleague is not locked out
    assert_eq!(browser.sign_in("joko", PASSWORD).await, StatusCode::SEE_OTHER);
    office.pass(900);
    let mut siti = office.browser("kelurahan");
    assert_eq!(siti.sign_in("siti", PASSWORD).await, StatusCode::SEE_OTHER);
    // and all is forgiven
    assert_eq!(office.browser("kelurahan").sign_in("siti", "salah").await, StatusCode::UNAUTHORIZED);
    assert_eq!(office.browser("kelurahan").sign_in("siti", PASSWORD).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn five_guesses_at_the_same_time_count_like_five_in_a_row() {
    let office = Office::open().await;
    let guesses = (0..12).map(|_| async {
        let mut browser = office.browser("kelurahan");
        let request = browser.post("/api/session").json(&json!({ "user": "siti", "password": "salah" }));
        browser.send(request, "/api/session").await.status
    });
    let statuses = futures_util::future::join_all(guesses).await;
    let tried = statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(tried, 5, "{statuses:?}");
}

#[tokio::test]
async fn unknown_names_are_locked_out_too_and_an_address_that_tries_many() {
    let office = Office::open().await;
    let program = office.browser("kelurahan");
    let guess = |user: String| {
        let mut browser = program.clone();
        async move {
            let request = browser.post("/api/session").json(&json!({ "user": user, "password": "x" }));
            browser.send(request, "/api/session").await
        }
    };
    for _ in 0..5 {
        assert_eq!(guess("hantu".to_owned()).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(guess("hantu".to_owned()).await.status, StatusCode::TOO_MANY_REQUESTS);
    for number in 0..45 {
        assert_eq!(guess(format!("hantu{number}")).await.status, StatusCode::UNAUTHORIZED, "{number}");
    }
    let answer = guess("hantu-baru".to_owned()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
}

#[tokio::test]
async fn a_session_ends_by_time_by_sign_out_and_by_a_new_password() {
    let office = Office::open_with("[desk]\nsession_hours = 2").await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    office.pass(2 * 3600 - 60);
    siti.open("").await;
    assert!(siti.html.contains("Uraian laporan"));
    office.pass(120);
    siti.open("").await;
    assert!(siti.html.contains("Sesi Anda telah berakhir") && siti.html.contains("Kata sandi"));

    let mut siti = office.signed_in("kelurahan", "siti").await;
    let request = siti.post("/sign-out").form(&[("csrf", "tebakan")]);
    assert_eq!(siti.send(request, "/sign-out").await.status, StatusCode::FORBIDDEN);
    siti.open("").await;
    let request = siti.post("/sign-out").form(&[("csrf", siti.hidden("csrf"))]);
    assert_eq!(siti.send(request, "/sign-out").await.status, StatusCode::SEE_OTHER);
    siti.open("").await;
    assert!(siti.html.contains("Kata sandi"));

    let mut siti = office.signed_in("kelurahan", "siti").await;
    office.reload(&hash_password("kata-sandi-baru").unwrap());
    siti.open("").await;
    assert!(siti.html.contains("Kata sandi"), "the old password's sessions are over");
}

#[tokio::test]
async fn a_forged_session_is_none() {
    let office = Office::open().await;
    let siti = office.signed_in("kelurahan", "siti").await;
    let key = ("muara_desk".to_owned(), "/desk".to_owned());
    let cookie = siti.cookies[&key].clone();
    let (payload, seal) = cookie.split_once('.').unwrap();
    let visitor = siti.cookies[&("muara_desk_visitor".to_owned(), "/desk".to_owned())].clone();
    let mut last = payload.to_owned().into_bytes();
    last[40] ^= 1;
    let changed = String::from_utf8_lossy(&last).into_owned();
    for forged in
        [format!("{changed}.{seal}"), format!("{payload}."), payload.to_owned(), visitor, "x.y".to_owned()]
    {
        let mut forger = siti.clone();
        forger.cookies.insert(key.clone(), forged.clone());
        forger.open("").await;
        assert!(forger.html.contains("Kata sandi"), "{forged}");
    }
}

#[tokio::test]
async fn an_officer_is_one_of_their_own_channel_only() {
    let office = Office::open().await;
    let siti = office.signed_in("kelurahan", "siti").await;
    let mut other = office.browser("kecamatan");
    other.cookies = siti.cookies.clone();
    other.open("").await;
    assert!(other.html.contains("Kata sandi") && !other.html.contains("Uraian laporan"));
}

#[tokio::test]
async fn a_sign_in_form_of_another_site_is_not_taken() {
    let office = Office::open().await;
    let mut browser = office.browser("kelurahan");
    browser.open("").await;
    let csrf = browser.hidden("csrf");
    let form = [("csrf", csrf.as_str()), ("user", "siti"), ("password", PASSWORD)];
    let request = browser.post("/sign-in").form(&form).header("origin", "https://jahat.example");
    assert_eq!(browser.clone().send(request, "/sign-in").await.status, StatusCode::FORBIDDEN);
    // the token is bound to the browser that got the page
    let mut victim = office.browser("kelurahan");
    victim.open("").await;
    let request = victim.post("/sign-in").form(&form);
    assert_eq!(victim.send(request, "/sign-in").await.status, StatusCode::FORBIDDEN);
    // and a browser that keeps no cookies is told so
    victim.cookies.clear();
    let request = victim.post("/sign-in").form(&form);
    let answer = victim.send(request, "/sign-in").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("tidak menyimpan kuki"), "{}", answer.body);
    let request = browser.post("/sign-in").form(&form);
    assert_eq!(browser.send(request, "/sign-in").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_entry_whose_session_ended_waits_for_the_officer_to_sign_in_again() {
    let office = Office::open_with("[desk]\nsession_hours = 1").await;
    let mut siti = office.signed_in("kelurahan", "siti").await;
    office.pass(3601);
    let words =
        [("description", "Banjir & lumpur \"setinggi\" lutut, 50% rumah"), ("rt", "7"), ("urgent", "1")];
    let answer = siti.enter(&words).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("Isian laporan tidak hilang"), "{}", answer.body);

    let carried = siti.hidden("carried");
    let form =
        [("csrf", &*siti.hidden("csrf")), ("user", "siti"), ("password", "salah"), ("carried", &carried)];
    let request = siti.post("/sign-in").form(&form);
    assert_eq!(siti.send(request, "/sign-in").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(siti.hidden("carried"), carried, "a wrong password loses nothing");

    let form =
        [("csrf", &*siti.hidden("csrf")), ("user", "siti"), ("password", PASSWORD), ("carried", &carried)];
    let request = siti.post("/sign-in").form(&form);
    let answer = siti.send(request, "/sign-in").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("Banjir &#38; lumpur") || answer.body.contains("Banjir &amp; lumpur"));
    assert!(office.drafts().is_empty(), "the officer looks at it again first");
    let reference = siti.enter(&words).await.reference();
    assert!(!reference.is_empty());
    assert_eq!(office.drafts()[0].text, words[0].1);
}

#[tokio::test]
async fn cookies_are_for_the_desk_alone_and_for_https_where_it_is_used() {
    let office = Office::open_with("[desk]\nsecure_cookies = false").await;
    let mut browser = office.browser("kelurahan");
    let sign_in = |https: bool| {
        let request = browser.post("/api/session").json(&json!({ "user": "siti", "password": PASSWORD }));
        if https { request.header("x-forwarded-proto", "https") } else { request }
    };
    let (plain, secure) = (sign_in(false), sign_in(true));
    let plain = browser.send(plain, "/api/session").await.header(header::SET_COOKIE).to_owned();
    assert!(plain.contains("; Path=/desk; ") && plain.contains("HttpOnly; SameSite=Strict"), "{plain}");
    assert!(!plain.contains("Secure"), "{plain}");
    let secure = browser.send(secure, "/api/session").await.header(header::SET_COOKIE).to_owned();
    assert!(secure.ends_with("; Secure"), "{secure}");
    let office = Office::open().await;
    let answer = office.browser("kelurahan").try_sign_in("siti", PASSWORD).await;
    assert!(answer.header(header::SET_COOKIE).ends_with("; Secure"), "unless told otherwise");
}
