//! Commands write beside the running gateway: two writers on one file.

use std::collections::BTreeSet;

use super::{Fresh, intake, keyed};

on_both! {
    two_processes_write_to_one_store_without_a_loss_or_a_number_twice,
}

async fn two_processes_write_to_one_store_without_a_loss_or_a_number_twice(fresh: Fresh) {
    const EACH: usize = 200;
    let other = fresh.beside();
    let writers = [("gateway", fresh.store.clone()), ("command", other.clone())].map(|(name, store)| {
        tokio::spawn(async move {
            let mut serials = Vec::new();
            for number in 0..EACH {
                let messages = vec![keyed(&format!("{name} {number}")), keyed(&format!("both {number}"))];
                let taken = store.take(intake(messages, vec![])).await.unwrap();
                serials.extend(taken.receipts.iter().filter(|r| r.fresh).map(|receipt| receipt.serial));
            }
            serials
        })
    });
    let mut serials = Vec::new();
    for writer in writers {
        serials.extend(writer.await.unwrap());
    }
    assert_eq!(serials.len(), 3 * EACH, "a key was taken twice, or never");
    assert_eq!(serials.iter().collect::<BTreeSet<_>>().len(), 3 * EACH, "a number was given twice");
    assert_eq!(fresh.counted().inbox, 3 * EACH as u64);
    // each learns of the other's writes with its own next one
    fresh.store.take(intake(vec![keyed("last")], vec![])).await.unwrap();
    assert_eq!(fresh.levels().inbox, 3 * EACH as u64 + 1);
    other.close().await;
    fresh.store.take(intake(vec![keyed("after")], vec![])).await.unwrap();
    assert_eq!(fresh.levels().inbox, 3 * EACH as u64 + 2);
}
