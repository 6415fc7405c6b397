//! What is to be seen: the report, a complaint's company, and failed replies.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use muara::{silence::Hour, store::reply::Requested};
use muara_normalizer::ReplyRequest;
use muara_tests::{callbacks::Callbacks, gateway::Gateway, postgres::store_of};
use serde_json::json;

use super::{audited, config, line, signed, visitor::Visitor};

#[tokio::test]
async fn the_report_counts_by_month_and_channel_and_comes_as_csv() {
    let qlue = "[channels.qlue]\nconnector = \"qlue\"\ntitle = \"=Qlue, \\\"the app\\\"\"\nsecret = \"s\"\n";
    let gateway = Gateway::launch(&(config("\"$.body\"", "") + qlue)).await;
    let place = "Jalan berlubang besar di Jl. Teuku Umar No. 10, Menteng, depan SDN 01";
    let words = [
        json!({"id": 1, "from": "a", "body": place}),
        json!({"id": 2, "from": "b", "body": "Sampah menumpuk di Pasar Minggu sudah seminggu"}),
        json!({"id": 3, "from": "c", "body": place}),
    ];
    gateway.accepted("web", &signed(&words)).await;
    gateway.waiting("outbox", 3).await;
    let reports = muara_tests::reports::Reports::new("s");
    gateway.accepted("qlue", &reports.next()).await;
    gateway.waiting("outbox", 4).await;
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    let csv = vina.read("/report.csv").await.to_owned();
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("month,channel,title,received,share,duplicates,answered,"), "{csv}");
    assert!(lines[1].ends_with(",qlue,\"Qlue, \"\"the app\"\"\",1,25.0%,0,0,0,0,0,1,,0,0,0,0,1,"), "{csv}");
    assert!(lines[2].ends_with(",web,\"Aspirasi Warga\",3,75.0%,1,0,0,0,0,3,,0,0,0,0,3,"), "{csv}");
    let page = vina.read("/report").await;
    assert!(page.contains("75.0 %") && page.contains("Aspirasi Warga"), "{page}");

    let events = gateway.rows(&["outbox", "tail"]).await;
    let (first, third) = (&events[0]["data"], &events[2]["data"]);
    assert_eq!(third["links"]["duplicate_of"], first["id"], "{third}");
    let page = vina.read(&format!("/complaints/{}", first["id"].as_str().unwrap())).await;
    assert!(page.contains("on its way: an event waits for the broker"), "{page}");
    assert!(
        page.contains("reported again by") && page.contains(third["reference"].as_str().unwrap()),
        "{page}"
    );
    let page = vina.read(&format!("/complaints/{}", third["id"].as_str().unwrap())).await;
    assert!(
        page.contains("on the same matter as") && page.contains(first["reference"].as_str().unwrap()),
        "{page}"
    );
    assert!(vina.read("/complaints?q=0000-0000-0").await.contains("neither the reference nor the id"));
}

#[tokio::test]
async fn the_report_says_how_long_it_took_until_a_reply_and_until_it_was_done() {
    let gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    let words = [
        json!({"id": 1, "body": "Jalan berlubang besar di Jl. Teuku Umar No. 10, Menteng"}),
        json!({"id": 2, "body": "Sampah menumpuk di Pasar Minggu sudah seminggu"}),
        json!({"id": 3, "body": "Lampu jalan mati di Tebet Barat"}),
        json!({"id": 4, "body": "Pohon tumbang menutup jalan di Kebayoran Lama Utara"}),
        json!({"id": 5, "body": "Saluran air mampet di Cipinang Melayu"}),
    ];
    let answer = gateway.accepted("web", &signed(&words)).await;
    gateway.waiting("outbox", 5).await;
    let store = store_of(&gateway);
    let reply = async |place: usize, number: u32, status: Option<&str>| {
        let complaint = answer["accepted"][place]["id"].as_str().unwrap();
        let body = json!({"reply_id": format!("{place}/{number}"), "complaint_id": complaint, "status": status, "text": "Siap"});
        let request = ReplyRequest::parse(body.to_string().as_bytes()).unwrap();
        let answered = request.answered().unwrap();
        assert_eq!(store.request_reply(request, answered).await.unwrap(), Requested::Queued);
    };
    // done; done after it had been refused and taken up again; refused; a word and no more; not a word
    reply(0, 1, Some("Proses")).await;
    reply(0, 2, Some("Selesai")).await;
    for (number, status) in ["Ditolak", "TL Ditolak", "Selesai", "Diarsipkan"].into_iter().enumerate() {
        reply(1, u32::try_from(number).unwrap(), Some(status)).await;
    }
    reply(2, 1, Some("Selesai")).await;
    reply(2, 2, Some("Duplikat")).await;
    reply(3, 1, None).await;
    // days pass
    let database = rusqlite::Connection::open(gateway.database()).unwrap();
    let sql = "UPDATE correspondence SET first_reply_at = first_reply_at + ?2 * 86400000, done_at = done_at + ?3 * 86400000
               WHERE complaint = ?1";
    for (place, first, done) in [(0, 7, 8), (1, 14, 15)] {
        let id: uuid::Uuid = answer["accepted"][place]["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(database.execute(sql, (id, first, done)).unwrap(), 1);
    }
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    let csv = vina.read("/report.csv").await.to_owned();
    let row: Vec<_> = csv.lines().nth(1).unwrap().split(',').collect();
    // received, share, duplicates, answered; first reply within 7 and 14 days, later, none; done so, refused, open
    assert_eq!(row[3..7], ["5", "100.0%", "0", "0"], "{csv}");
    assert_eq!(row[7..11], ["3", "1", "0", "1"], "{csv}");
    assert_eq!(row[12..17], ["0", "1", "1", "1", "2"], "{csv}");
    assert!(row[11].parse::<f64>().unwrap() >= 126.0, "the mean in hours: {csv}");
    let share = vina.read("/report/share.csv").await;
    assert!(share.contains("web,\"Aspirasi Warga\",5,100.0%\r\n,\"All channels\",5,100.0%"), "{share}");
    let completion = vina.read("/report/completion.csv").await.to_owned();
    for line in ["0-7,0,0.0%", "8-14,1,20.0%", ">14,1,20.0%", "refused,1,20.0%", "open,2,40.0%"] {
        assert!(completion.contains(&format!("web,\"Aspirasi Warga\",5,{line}")), "{line}: {completion}");
    }
    let page = vina.read("/report").await;
    for shown in
        ["Share by channel, ", "Completion by days, ", "First follow-up by days, ", "class=\"fortnight\""]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(vina.open("/report/nothing.csv").await, 404);
}

#[tokio::test]
async fn a_reply_that_did_not_arrive_is_sent_again() {
    let vendor = Callbacks::listen().await;
    vendor.will(400, None);
    let callback = format!("[channels.web.callback]\nurl = \"{}\"\n", vendor.url("/status"));
    let gateway = Gateway::launch(&(config("\"$.body\"", "") + &callback)).await;
    let answer = gateway.accepted("web", &signed(&[json!({"id": "d", "body": "Lampu jalan mati"})])).await;
    let id = answer["accepted"][0]["id"].as_str().unwrap();
    gateway.log().line(0, "will not arrive").await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let list = oki.read("/lists/replies").await.to_owned();
    let row = format!("receipt:{id}");
    assert!(list.contains(&row) && list.contains("Failed replies <span class=\"count\">1</span>"), "{list}");
    assert!(oki.read(&format!("/complaints/{id}")).await.contains("failed"));
    vendor.will(200, None);
    oki.acts("replies", "retry", &[&row], "").await;
    gateway.waiting("replies", 0).await;
    let page = oki.read(&format!("/complaints/{id}")).await;
    assert!(page.contains("<td>sent</td>"), "{page}");
    let again = oki.acts("replies", "retry", &[&row], "").await;
    assert!(again.contains("tried again: 0 of 1 row."), "{again}");
    assert_eq!(audited(&gateway).await[0], line(["oki", "retry reply", &row, "", "done"]));
}

#[tokio::test]
async fn what_the_vendor_says_is_left_is_on_the_card_and_a_metric() {
    let vendor = Callbacks::listen().await;
    let callback = format!("[channels.web.callback]\nurl = \"{}\"\n", vendor.url("/status"));
    let mut gateway = Gateway::launch(&(config("\"$.body\"", "") + &callback)).await;
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    let page = vina.read("/").await;
    assert!(page.contains("limit left") && !page.contains("quota left"), "nothing is said yet: {page}");
    assert_eq!(gateway.channel_health("web").await["quota"], json!(null));

    let report = |id: &str| signed(&[json!({ "id": id, "body": format!("Lampu jalan mati di tiang {id}") })]);
    let policy = ("ratelimit-policy", "\"day\";q=200;w=86400");
    vendor.will_tell(200, &[("ratelimit", "\"day\";r=74;t=172800"), policy]);
    gateway.accepted("web", &report("12")).await;
    let told = gateway.healthy_when("a quota", |health| !health["channels"][0]["quota"].is_null()).await;
    let told = told["channels"][0]["quota"].clone();
    assert_eq!(told["fraction"], 0.37);
    let refills: Timestamp = told["refills_at"].as_str().unwrap().parse().unwrap();
    let day = refills.to_zoned(TimeZone::get("Asia/Jakarta").unwrap()).strftime("%-d %b, %H:%M").to_string();
    let page = vina.read("/").await;
    assert!(page.contains(&format!("<dt>quota left</dt><dd>37 %, refills {day} (as of ")), "{day}: {page}");
    assert_eq!(gateway.metric("muara_channel_quota_left_ratio", &["channel=\"web\""]).await, 0.37);

    // a restart forgets nothing of it
    gateway.terminate().await;
    gateway.start().await;
    gateway.healthy_when("the same quota", |health| health["channels"][0]["quota"] == told).await;
    assert_eq!(gateway.metric("muara_channel_quota_left_ratio", &["channel=\"web\""]).await, 0.37);

    // it refuses once, and then takes again and says nothing more
    vendor.will(429, Some(1));
    gateway.accepted("web", &report("13")).await;
    assert_eq!(vendor.has(3).await[1].status, 429);
    gateway.healthy_when("no quota", |health| health["channels"][0]["quota"].is_null()).await;
    let ratio = gateway.metric("muara_channel_quota_left_ratio", &["channel=\"web\""]).await;
    assert!(ratio.is_nan(), "{ratio}");
}

#[tokio::test]
async fn the_card_of_a_silent_channel_says_how_quiet_it_is() {
    let mut gateway = Gateway::new(&config("\"$.body\"", ""));
    // six weeks of a hundred messages an hour, and nothing in the last three hours
    let now = Timestamp::now().as_second() / 3600;
    let hour = |hour| {
        let messages = if hour < now - 3 { 100 } else { 0 };
        ("web".to_owned(), hour, Hour { messages, seconds: 3600 })
    };
    let store = store_of(&gateway);
    store.write_traffic((now - 6 * 168..=now).map(hour).collect(), BTreeMap::new(), 0).await.unwrap();
    store.close().await;
    gateway.start().await;
    gateway.channel_is("web", "silent").await;
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    let page = vina.read("/").await;
    assert!(page.contains("1 of 1 channels needs somebody: Aspirasi Warga."), "{page}");
    assert!(page.contains("Nothing fails, but too little comes: nothing in the last "), "{page}");
    assert!(page.contains("ask whether the vendor still delivers to this address"), "{page}");
}

#[tokio::test]
async fn what_nobody_answered_in_time_is_listed() {
    let gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    let answer = gateway.accepted("web", &signed(&[json!({"id": "d", "body": "Lampu jalan mati"})])).await;
    gateway.waiting("outbox", 1).await;
    let mut vina = Visitor::signed_in(&gateway.internal_url(""), "vina").await;
    assert!(vina.read("/overdue").await.contains("Nothing is overdue."));
    // a day passes
    let database = rusqlite::Connection::open(gateway.database()).unwrap();
    let sql = "UPDATE clock SET due_at = since WHERE kind = (SELECT min(kind) FROM clock)";
    assert_eq!(database.execute(sql, ()).unwrap(), 1);
    let page = vina.read("/overdue").await;
    assert!(page.contains(answer["accepted"][0]["reference"].as_str().unwrap()), "{page}");
}

#[tokio::test]
async fn open_pages_hear_of_changes_and_do_not_hold_up_a_shutdown() {
    let mut gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    let base = gateway.internal_url("");
    assert_eq!(Visitor::at(&base).open("/live").await, 303, "nobody listens who is not signed in");
    let vina = Visitor::signed_in(&base, "vina").await;
    let cookie = format!("muara_console={}", vina.cookies["muara_console"]);
    let mut live = vina.get("/live").header("cookie", cookie).send().await.unwrap();
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    gateway.accepted("web", &signed(&[json!({"id": "d", "body": "Lampu jalan mati"})])).await;
    let mut heard = String::new();
    while !heard.contains("event: change") {
        heard += std::str::from_utf8(&live.chunk().await.unwrap().unwrap()).unwrap();
    }
    let (status, _) = gateway.terminate().await;
    assert!(status.success());
    while live.chunk().await.unwrap().is_some() {}
    assert!(!gateway.log().text().contains("still open"), "{}", gateway.log().text());
}
