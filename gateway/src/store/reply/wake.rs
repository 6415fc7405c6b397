//! Who is woken when there is something to send: the channel's own task, and none of the hundreds of others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// A bell for each channel whose task has asked for one.
#[derive(Debug, Default)]
pub(in crate::store) struct Wakes(Mutex<HashMap<String, Arc<Notify>>>);

impl Wakes {
    /// A channel's bell. It keeps one ring for a task that is busy.
    pub(super) fn of(&self, channel: &str) -> Arc<Notify> {
        Arc::clone(self.bells().entry(channel.to_owned()).or_default())
    }

    /// Wakes the task of a channel.
    pub(in crate::store) fn wake(&self, channel: &str) {
        if let Some(bell) = self.bells().get(channel) {
            bell.notify_one();
        }
    }

    /// Wakes every channel's task.
    pub(in crate::store) fn wake_all(&self) {
        self.bells().values().for_each(|bell| bell.notify_one());
    }

    /// A panic while it was locked cannot have left it half changed.
    fn bells(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
