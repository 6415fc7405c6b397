//! Where passwords are checked: few at a time, and slower for whoever guesses.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::{lockout::Lockout, password};

/// How long a sign-in waits for its turn at the password check.
const TURN: Duration = Duration::from_secs(5);
/// Longer names are nobody's.
const NAME_LENGTH: usize = 65;

/// The door of one kind of page.
pub(in crate::web) struct Door {
    names: Lockout,
    addresses: Lockout,
    hashing: Arc<Semaphore>,
}

/// Somebody who wants to come in.
pub(in crate::web) struct Knock {
    /// The name, with what makes it one of this door.
    pub(in crate::web) who: String,
    /// Where from.
    pub(in crate::web) address: Option<String>,
    /// What they say the password is.
    pub(in crate::web) password: SecretString,
    /// The hash of the name's password. For an unknown name somebody else's is worked through, so that the time does not
    /// tell.
    pub(in crate::web) hash: Option<SecretString>,
    /// Whether the hash is that name's.
    pub(in crate::web) known: bool,
}

/// Why the door stays shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Shut {
    /// Wrong name or password.
    Wrong,
    /// Too many failures.
    LockedOut { wait: Duration },
    /// Too many at once.
    Busy { wait: Duration },
}

impl Door {
    pub(in crate::web) fn new() -> Self {
        Self {
            names: Lockout::new(5),
            // a whole office may sit behind one address
            addresses: Lockout::new(50),
            // each verification takes 19 MiB
            hashing: Arc::new(Semaphore::new(2)),
        }
    }

    /// A typed name as names are compared.
    pub(in crate::web) fn name(typed: &str) -> String {
        typed.trim().to_lowercase().chars().take(NAME_LENGTH).collect()
    }

    /// Opens, or says why not.
    pub(in crate::web) async fn knock(&self, knock: Knock, now: Timestamp) -> Result<(), Shut> {
        let Knock { who, address, password, hash, known } = knock;
        if let Some(address) = &address {
            self.addresses.attempt(address, now).map_err(|wait| Shut::LockedOut { wait })?;
        }
        let not_counted = || {
            if let Some(address) = &address {
                self.addresses.take_back(address);
            }
        };
        if let Err(wait) = self.names.attempt(&who, now) {
            not_counted();
            return Err(Shut::LockedOut { wait });
        }
        let Some(hash) = hash else { return Err(Shut::Wrong) };
        let Ok(Ok(turn)) = tokio::time::timeout(TURN, Arc::clone(&self.hashing).acquire_owned()).await else {
            not_counted();
            self.names.take_back(&who);
            return Err(Shut::Busy { wait: TURN });
        };
        let checked = tokio::task::spawn_blocking(move || {
            let fits = password::verify(&password, &hash);
            // held to here even if the client is gone by now
            drop(turn);
            fits
        })
        .await;
        if known && checked.is_ok_and(|fits| fits) {
            not_counted();
            self.names.forget(&who);
            Ok(())
        } else {
            Err(Shut::Wrong)
        }
    }
}
