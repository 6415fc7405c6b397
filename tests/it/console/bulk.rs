//! What is done to all rows that match a search: counted, confirmed, once.

use muara_tests::{gateway::Gateway, postgres::PostgresServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{audited, config, line, quarantined, signed, visitor::Visitor};

/// More than the store reads at a time.
const MANY: usize = 230;

/// The value of a field of the open page.
fn field(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let at = page.find(&mark).unwrap_or_else(|| panic!("no {name} in {page}")) + mark.len();
    page[at..].split('"').next().unwrap().to_owned()
}

/// Presses the button of the page that asks; the page of the work.
async fn press(visitor: &mut Visitor, room: &str, asked: &str, reason: &str) -> String {
    let (act, q, until) = (field(asked, "do"), field(asked, "q"), field(asked, "until"));
    let fields = [("do", act.as_str()), ("q", q.as_str()), ("until", until.as_str()), ("reason", reason)];
    let status = visitor.does(&format!("/lists/{room}/all"), &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{}", visitor.html);
    visitor.location.clone()
}

/// Waits until a work has ended: its page tells of it when asked again. The words of how.
async fn ended(visitor: &mut Visitor, work: &str) -> String {
    loop {
        let page = visitor.read(work).await.to_owned();
        if page.contains("id=\"end\"") {
            return page;
        }
    }
}

/// Presses for more than a gateway takes in whose high-water mark are a hundred rows: so the work waits after those. Who
/// pressed, the page that asked with that of the work, and how far it came.
async fn half_done(gateway: &Gateway) -> (Visitor, (String, String), &'static str) {
    let item =
        |id: usize| json!({"id": id, "from": format!("warga {id}"), "body": "Terima kasih banyak pak"});
    gateway.accepted("web", &signed(&(1..=MANY).map(item).collect::<Vec<_>>())).await;
    gateway.waiting("set_aside", MANY as u64).await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let asked = oki.read("/lists/aside/all?do=let-through&q=thanks").await.to_owned();
    let work = press(&mut oki, "aside", &asked, "a festival").await;
    let far = "100 done, 0 stay, 0 were gone already";
    while audited(gateway).await[0][4] != format!("under way; {far}") {
        oki.read(&work).await;
    }
    (oki, (asked, work), far)
}

#[tokio::test]
async fn all_that_match_are_let_through_once_and_what_comes_later_stays() {
    let gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    let item =
        |id: usize| json!({"id": id, "from": format!("warga {id}"), "body": "Terima kasih banyak pak"});
    let words: Vec<Value> = (1..=MANY).map(item).collect();
    gateway.accepted("web", &signed(&words)).await;
    gateway.waiting("set_aside", MANY as u64).await;
    let mut oki = Visitor::signed_in(&gateway.internal_url(""), "oki").await;
    let list = oki.read("/lists/aside?q=thanks").await;
    assert!(list.contains("230 match the search, more than this page shows"), "{list}");
    assert!(list.contains("/lists/aside/all?do=let-through&amp;q=thanks"), "{list}");
    let asked = oki.read("/lists/aside/all?do=let-through&q=thanks").await.to_owned();
    assert!(asked.contains("<b id=\"count\">230</b>"), "{asked}");
    let nothing = oki.read("/lists/aside/all?do=let-through&q=nobody").await;
    assert!(nothing.contains("here matches") && !nothing.contains("name=\"until\""), "{nothing}");

    // somebody is late
    gateway.accepted("web", &signed(&[item(MANY + 1)])).await;
    gateway.waiting("set_aside", MANY as u64 + 1).await;
    let work = press(&mut oki, "aside", &asked, "a festival").await;
    assert_eq!(press(&mut oki, "aside", &asked, "a festival").await, work, "pressed twice");
    let page = ended(&mut oki, &work).await;
    assert!(page.contains("230 done, 0 stay, 0 were gone already"), "{page}");
    gateway.waiting("set_aside", 1).await;
    assert_eq!(press(&mut oki, "aside", &asked, "").await, work, "and after it was done");
    assert_eq!(
        audited(&gateway).await,
        [line([
            "oki",
            "let through",
            "all 230 rows in aside that match “thanks”",
            "a festival",
            "done; 230 done, 0 stay, 0 were gone already"
        ])]
    );
    assert_eq!(oki.open("/lists/aside/all/0123").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_stays_in_quarantine_is_tried_once_and_only_an_admin_discards_all() {
    let gateway = Gateway::launch(&config("\"$.body\"", "")).await;
    for id in 1..=3 {
        quarantined(&gateway, json!({"id": id, "isi": "Pohon tumbang"})).await;
    }
    let base = gateway.internal_url("");
    let mut vina = Visitor::signed_in(&base, "vina").await;
    assert_eq!(vina.open("/lists/quarantine/all?do=replay").await, StatusCode::FORBIDDEN);
    let mut oki = Visitor::signed_in(&base, "oki").await;
    let asked = oki.read("/lists/quarantine/all?do=replay").await.to_owned();
    let work = press(&mut oki, "quarantine", &asked, "").await;
    let page = ended(&mut oki, &work).await;
    assert!(page.contains("0 done, 3 stay, 0 were gone already"), "{page}");
    assert_eq!(oki.open("/lists/quarantine/all?do=discard").await, StatusCode::FORBIDDEN);
    let fields = [("do", "discard"), ("until", "9999999999999"), ("reason", "x")];
    assert_eq!(oki.does("/lists/quarantine/all", &fields).await, StatusCode::FORBIDDEN);
    assert_eq!(
        oki.does("/lists/held/all", &fields).await,
        StatusCode::NOT_FOUND,
        "nothing held is discarded"
    );

    let mut adi = Visitor::signed_in(&base, "adi").await;
    let asked = adi.read("/lists/quarantine/all?do=discard").await.to_owned();
    let until = field(&asked, "until");
    let without = [("do", "discard"), ("until", until.as_str()), ("reason", " ")];
    assert_eq!(adi.does("/lists/quarantine/all", &without).await, StatusCode::UNPROCESSABLE_ENTITY);
    gateway.waiting("quarantined", 3).await;
    let work = press(&mut adi, "quarantine", &asked, "a test of the vendor").await;
    assert!(ended(&mut adi, &work).await.contains("3 done"));
    gateway.waiting("quarantined", 0).await;
    let lines = audited(&gateway).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        lines[0],
        line(["oki", "replay", "all 3 rows in quarantine", "", "done; 0 done, 3 stay, 0 were gone already"])
    );
    assert_eq!(lines[1][..4], ["adi", "discard", "all 3 rows in quarantine", "a test of the vendor"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_gateway_does_is_under_way_until_that_one_ends() {
    let database = PostgresServer::shared().await.database();
    let key = "k".repeat(64);
    let low = config("\"$.body\"", "")
        + &format!(
            "[store]\nurl = \"{}\"\nhigh_water_rows = 100\n[privacy]\nkey = \"{key}\"\n",
            database.url()
        );
    let mut does = Gateway::launch(&low).await;
    let far = half_done(&does).await.2;
    let mut other = Gateway::launch(&low).await;
    let outcome = async |gateway: &Gateway| audited(gateway).await.remove(0)[4].clone();
    assert_eq!(outcome(&other).await, format!("under way; {far}"));
    does.kill9().await;
    other.kill9().await;
    other.start().await;
    assert_eq!(outcome(&other).await, format!("interrupted; {far}"));
}

#[tokio::test]
async fn what_a_restart_interrupts_says_how_far_it_came_and_can_be_pressed_again() {
    let low = config("\"$.body\"", "") + "[store]\nhigh_water_rows = 100\n";
    let mut gateway = Gateway::launch(&low).await;
    let (mut oki, (asked, work), far) = half_done(&gateway).await;
    gateway.kill9().await;
    gateway.configure(&config("\"$.body\"", ""));
    gateway.start().await;

    let words = format!("interrupted; {far}");
    let page = oki.read(&work).await;
    assert!(page.contains(&format!("<b id=\"end\">{words}</b>")) && page.contains("it is safe"), "{page}");
    let (page, mark) = work.split_once("&mark=").unwrap();
    let (_, line) = page.split_once("line=").unwrap();
    let other = page.replace(&format!("line={line}"), "line=1");
    assert_eq!(oki.open(&format!("{other}&mark={mark}")).await, StatusCode::NOT_FOUND, "another line");
    let again = press(&mut oki, "aside", &asked, "a festival").await;
    assert!(ended(&mut oki, &again).await.contains("130 done, 0 stay, 0 were gone already"));
    gateway.waiting("set_aside", 0).await;
    gateway.waiting("outbox", MANY as u64).await;
    let lines = audited(&gateway).await;
    assert_eq!(
        lines.iter().map(|line| line[4].as_str()).collect::<Vec<_>>(),
        [words.as_str(), "done; 130 done, 0 stay, 0 were gone already"]
    );
}
