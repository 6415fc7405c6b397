//! What vendors said is left of what they allow, kept over a restart: else the first thing a gateway did after one would be to
//! ask a vendor who has said not to be asked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use muara_connectors::quota::Said;
use tokio_util::sync::CancellationToken;

use crate::{
    channel::Channels,
    store::{Store, StoreError},
};

/// Between two looks: a crash forgets at most what was said in such a time.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What the vendors of all channels said, as far as it holds.
pub type Quotas = BTreeMap<String, Said>;

/// Reminds the channels of what was said before, and writes down what is said, until it is cancelled.
pub async fn run(store: Store, channels: Arc<ArcSwap<Channels>>, cancel: CancellationToken) {
    let mut known = match store.quotas().await {
        Ok(known) => known,
        Err(error) => {
            tracing::error!(%error, "What vendors said is left could not be read; they will say it again.");
            Quotas::default()
        }
    };
    let mut written = known.clone();
    loop {
        // also channels that were configured anew since
        known = look(&channels.load(), known, Timestamp::now());
        let kept = keep(&store, &known, &mut written).await;
        if let Err(error) = kept {
            tracing::error!(%error, "What vendors say is left could not be written down; it is tried again.");
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    known = look(&channels.load(), known, Timestamp::now());
    // who leads no more leaves it to the next, who heard the rest
    drop(keep(&store, &known, &mut written).await);
}

/// Reminds each channel, and takes up what holds.
fn look(channels: &Channels, mut known: Quotas, now: Timestamp) -> Quotas {
    let each = channels.iter().map(|channel| {
        let quota = channel.settings.quota();
        quota.remember(known.remove(channel.id.as_str()).unwrap_or_default());
        (channel.id.to_string(), quota.said(now))
    });
    each.filter(|(_, said)| !said.is_empty()).collect()
}

async fn keep(store: &Store, known: &Quotas, written: &mut Quotas) -> Result<(), StoreError> {
    if known != written {
        store.write_quotas(known.clone()).await?;
        written.clone_from(known);
    }
    Ok(())
}
