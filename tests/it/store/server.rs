//! What only a store on a server must keep: one of several leads, and a connection that breaks loses nothing.

use muara::store::{
    Settings, Store, StoreError,
    audit::{NewAudit, UNDER_WAY},
};
use muara_tests::{gateway::PATIENCE, postgres::leads};
use tokio::time::timeout;

use super::{Fresh, Place, bytes, intake, keyed, take};

impl Fresh {
    /// A gateway of this store, which may lead.
    fn gateway(&self) -> Store {
        Store::open(&Settings { stands: true, ..self.settings() }).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_leads_and_another_takes_over_when_it_goes() {
    let fresh = Fresh::on_a_server().await;
    assert!(fresh.store.leading().is_none(), "a command does not lead");
    let (first, second) = (fresh.gateway(), fresh.gateway());
    let mut leaders = 0;
    let (mut one, mut two) = (first.watch_term(), second.watch_term());
    tokio::select! {
        _ = one.wait_for(Option::is_some) => leaders += 1,
        _ = two.wait_for(Option::is_some) => leaders += 1,
    }
    assert_eq!(leaders, 1);
    let (old, new) = if first.leading().is_some() { (first, second) } else { (second, first) };
    assert!(new.leading().is_none(), "two lead");
    old.close().await;
    leads(&new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_cut_off_writes_nothing_of_its_old_term() {
    let fresh = Fresh::on_a_server().await;
    let store = fresh.gateway();
    let old = leads(&store).await;
    old.take(intake(vec![keyed("of the term")], vec![])).await.unwrap();
    let Place::Server(database) = &fresh.place else { unreachable!() };
    database.cut_off(&store).await;
    let late = old.take(intake(vec![keyed("too late")], vec![])).await;
    assert!(matches!(late, Err(StoreError::NotLeading)), "{late:?}");
    // nor may it remove a file that another one may be keeping
    let late = old.is_wanted([0; 32]).await;
    assert!(matches!(late, Err(StoreError::NotLeading)), "{late:?}");
    // it comes back by itself, and what is nobody's in particular was never refused
    store.take(intake(vec![keyed("of a vendor")], vec![])).await.unwrap();
    leads(&store).await.take(intake(vec![keyed("of the next term")], vec![])).await.unwrap();
    assert_eq!(store.levels().inbox, 3);
    assert_eq!(fresh.number("SELECT count(*) FROM inbox"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_in_a_process_is_interrupted_when_it_is_at_its_end_and_not_before() {
    let fresh = Fresh::on_a_server().await;
    let (does, other) = (fresh.gateway(), fresh.beside());
    let deed = || NewAudit {
        who: "oki".to_owned(),
        role: "operator",
        what: "release",
        targets: vec!["a".to_owned(), "b".to_owned()],
        reason: None,
        outcome: Some(UNDER_WAY),
    };
    let lines = does.audit(deed()).await.unwrap();
    other.audit(deed()).await.unwrap();
    assert_eq!(other.interrupted().await.unwrap(), 0, "both live");
    // with another session it is the same process
    let Place::Server(database) = &fresh.place else { unreachable!() };
    leads(&does).await;
    database.cut_off(&does).await;
    leads(&does).await;
    assert_eq!(other.interrupted().await.unwrap(), 0);
    does.close().await;
    drop(does);
    // the server notices a little later that a session is at its end
    let ended = format!(
        "SELECT pg_advisory_xact_lock(hashtext('muara lives'), process::int) FROM audit WHERE seq = {}",
        lines[0]
    );
    database.run(&ended);
    assert_eq!(fresh.store.interrupted().await.unwrap(), 2);
    let line = other.audit_line(lines[0]).await.unwrap().unwrap();
    assert_eq!(line.outcome.as_deref(), Some("interrupted"));
    assert_eq!(fresh.number("SELECT count(*) FROM audit WHERE outcome = 'under way'"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_hears_of_what_another_wrote() {
    let fresh = Fresh::on_a_server().await;
    let other = fresh.gateway();
    let mut levels = other.watch_levels();
    take(&fresh.store, "elsewhere").await;
    timeout(PATIENCE, levels.wait_for(|levels| levels.inbox == 1)).await.expect("it never heard").unwrap();
    timeout(PATIENCE, other.received().notified()).await.expect("nobody was woken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_postgres_cannot_hold_is_kept_all_the_same() {
    let fresh = Fresh::on_a_server().await;
    // a text with NUL, in a key and in a reason
    let mut odd = bytes("odd");
    odd.reason = "a NUL: \0".to_owned();
    let first = fresh.store.take(intake(vec![keyed("a\0b")], vec![odd])).await.unwrap();
    let again = fresh.store.take(intake(vec![keyed("a\0b")], vec![])).await.unwrap();
    assert!(!again.receipts[0].fresh, "a redelivery was not recognised");
    assert_eq!(again.receipts[0].serial, first.receipts[0].serial);
    let quarantined = fresh.store.quarantined(None, 10).await.unwrap();
    assert_eq!(quarantined[0].reason, "a NUL: \u{fffd}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_with_different_keys_are_told_so() {
    let fresh = Fresh::on_a_server().await;
    fresh.store.agree("privacy key", [1; 32]).await.unwrap();
    fresh.beside().agree("privacy key", [1; 32]).await.unwrap();
    let error = fresh.beside().agree("privacy key", [2; 32]).await.unwrap_err();
    assert!(matches!(error, StoreError::Disagree("privacy key")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_a_newer_program_or_that_is_not_there_is_an_error_in_words() {
    let fresh = Fresh::on_a_server().await;
    fresh.store.close().await;
    fresh.run("UPDATE muara_schema SET version = 99");
    let error = Store::open(&fresh.settings()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert_eq!(fresh.number("SELECT version FROM muara_schema"), 99);
    let Place::Server(database) = &fresh.place else { unreachable!() };
    let latin = format!("{}_latin", database.name());
    database.run(&format!("CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"));
    let latin = Settings::from_url(&database.url().replace(database.name(), &latin), "".as_ref()).unwrap();
    let error = Store::open(&latin).unwrap_err();
    assert!(error.to_string().contains("LATIN1"), "{error}");
    let nowhere = "postgres://muara:rahasia@127.0.0.1:1/muara?sslmode=disable";
    let nowhere = Settings::from_url(nowhere, "".as_ref()).unwrap();
    assert!(!format!("{nowhere:?}").contains("rahasia"));
    let error = Store::open(&nowhere).unwrap_err();
    assert!(matches!(error, StoreError::Lost { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    for wrong in
        ["postgres://muara@host", "postgres://host/db?sslmode=verify", "mysql://muara:rahasia@host/db"]
    {
        let error = Settings::from_url(wrong, "".as_ref()).unwrap_err().to_string();
        assert!(!error.contains("rahasia"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_writers_turn_too_long_is_told() {
    let fresh = Fresh::on_a_server().await;
    let Place::Server(database) = &fresh.place else { unreachable!() };
    database.run("CREATE TABLE turn (held INTEGER)");
    let holding = "SELECT count(*) FROM pg_locks WHERE relation = 'turn'::regclass";
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                database.run("BEGIN; LOCK turn; SELECT 1 FROM level FOR UPDATE; SELECT pg_sleep(7); COMMIT")
            });
            while database.number(holding) == 0 {
                std::thread::yield_now();
            }
            let taken = fresh.store.take(intake(vec![keyed("late")], vec![]));
            let taken = tokio::runtime::Handle::current().block_on(taken);
            assert!(matches!(taken, Err(StoreError::Locked)), "{taken:?}");
        });
    });
    take(&fresh.store, "late").await;
    assert!(fresh.store.failing().is_none());
}
