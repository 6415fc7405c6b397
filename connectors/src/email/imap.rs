//! The mailbox: `UID SEARCH` after the last known UID in every folder, then IDLE on the first one.
//!
//! * The cursor is UIDVALIDITY and last UID of each folder. When a folder's UIDVALIDITY changes it is read anew; what
//!   is stored already is known by its Message-ID.
//! * A message is fetched with PEEK: it becomes `\Seen` or moves only after it is on disk. A crash before that leaves a
//!   stored message unread in its folder, which harms nobody.
//! * A message larger than the channel takes is fetched up to its first part: its words become a draft, and the
//!   message stays unread in the mailbox.
//! * One connection for each channel, every step of it under a timeout, IDLE renewed twice a minute: a server that hangs
//!   is an error within a minute. After any error the connection is closed and the next call opens a new one.

mod fetch;
mod session;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    client,
    connector::{Cursor, Page, Pull, PullError},
    email::{Settings, server, server::Encryption},
    settings::{ChannelSettings, SettingsError},
};
use session::Mailbox;

/// `[channels.<id>.imap]`.
#[derive(Clone, Deserialize)]
pub(super) struct ImapSettings {
    host: String,
    /// 993, or 143 without TLS from the first byte.
    port: Option<u16>,
    #[serde(default)]
    tls: Encryption,
    /// More certificates to trust (PEM).
    ca_file: Option<PathBuf>,
    pub(super) user: String,
    password: SecretString,
    #[serde(default = "inbox")]
    folders: Vec<String>,
    /// Whether to wait for the server's word, where it can give one.
    #[serde(default = "yes")]
    idle: bool,
    /// IDLE is renewed so often. Longer than 5 minutes some routers forget the connection.
    #[serde(default = "half_minute")]
    idle_seconds: u64,
    /// Seconds between polls, of all folders without IDLE and of the others with it.
    #[serde(default = "minute")]
    poll_seconds: u64,
    /// How long the server may take for one step.
    #[serde(default = "twenty")]
    timeout_seconds: u64,
    /// Largest message in MiB.
    #[serde(default = "twenty_five")]
    max_mb: u32,
    #[serde(default)]
    after: After,
    #[serde(default)]
    backlog: Backlog,
}

/// What happens to a message that is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum After {
    /// Nothing.
    Keep,
    /// It is marked as read.
    #[default]
    Seen,
    /// It goes to another folder.
    Move(String),
}

/// What the first look of all at a folder takes of the messages that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Backlog {
    /// Those that nobody has read.
    #[default]
    Unseen,
    /// All.
    All,
}

fn inbox() -> Vec<String> {
    vec!["INBOX".to_owned()]
}

fn yes() -> bool {
    true
}

fn half_minute() -> u64 {
    30
}

fn minute() -> u64 {
    60
}

fn twenty() -> u64 {
    20
}

fn twenty_five() -> u32 {
    25
}

impl ImapSettings {
    pub(super) fn check(&self) -> Vec<SettingsError> {
        let mut errors = server::check("imap", &self.host, self.tls, self.ca_file.as_deref());
        errors.extend(client::check_positive(&[
            ("imap.poll_seconds", self.poll_seconds == 0),
            ("imap.idle_seconds", self.idle_seconds == 0),
            ("imap.timeout_seconds", self.timeout_seconds == 0),
            ("imap.max_mb", self.max_mb == 0),
        ]));
        if self.idle_seconds > 300 {
            errors.push(SettingsError::value("imap.idle_seconds", "must be at most 300"));
        }
        if self.folders.is_empty() {
            errors.push(SettingsError::value("imap.folders", "name at least one folder"));
        }
        let target = match &self.after {
            After::Move(target) => Some(target),
            _ => None,
        };
        if self.folders.iter().chain(target).any(|name| name.is_empty() || name.contains(char::is_control)) {
            errors.push(SettingsError::value("imap", "a folder's name is empty or has control characters"));
        }
        if target.is_some_and(|target| self.folders.contains(target)) {
            errors.push(SettingsError::value("imap.after.move", "is one of the folders that are read"));
        }
        errors
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    fn max_bytes(&self) -> usize {
        usize::try_from(self.max_mb).unwrap_or(usize::MAX).saturating_mul(1024 * 1024)
    }
}

/// Opens the mailbox of a channel.
pub(super) fn open(channel: &ChannelSettings) -> Option<Box<dyn Pull>> {
    let settings = channel.own::<Settings>()?.imap.clone()?;
    Some(Box::new(Reader { settings, channel: channel.clone(), mailbox: None, turn: 0, taken: None }))
}

/// The cursor.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    folders: BTreeMap<String, Place>,
}

/// How far a folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Numbers are good only as long as this stays.
    validity: u32,
    /// The highest UID that is stored.
    last: u32,
    /// Below this UID only unread messages are taken: they were there before the channel was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unseen_below: Option<u32>,
}

impl Position {
    /// An unreadable cursor begins anew: rather twice than never.
    fn read(cursor: &Cursor) -> Self {
        serde_json::from_str(&cursor.0).unwrap_or_default()
    }

    fn write(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }
}

/// Messages of one folder that are to be acknowledged when they are on disk.
struct Taken {
    folder: String,
    uids: Vec<u32>,
}

/// Reads a mailbox. All that must be remembered is in the cursor.
struct Reader {
    settings: ImapSettings,
    channel: ChannelSettings,
    mailbox: Option<Mailbox>,
    /// The folder to look at first, so that a full one does not hide the others.
    turn: usize,
    taken: Option<Taken>,
}

impl Pull for Reader {
    fn next<'a>(&'a mut self, after: &'a Cursor) -> BoxFuture<'a, Result<Page, PullError>> {
        Box::pin(self.page(after))
    }

    fn stored(&mut self) -> BoxFuture<'_, Result<(), PullError>> {
        Box::pin(self.acknowledge())
    }

    fn interval(&self) -> Duration {
        // IDLE waits by itself; the pause is for a server that ends it at once
        let waits = self.mailbox.as_ref().is_some_and(|mailbox| mailbox.idles);
        Duration::from_secs(if waits { 1 } else { self.settings.poll_seconds })
    }
}

impl Reader {
    async fn page(&mut self, after: &Cursor) -> Result<Page, PullError> {
        self.taken = None;
        // taken out: whatever ends this call early closes the connection with it
        let mut mailbox = match self.mailbox.take() {
            Some(mailbox) => mailbox,
            None => Mailbox::connect(&self.settings).await?,
        };
        let before = Position::read(after);
        let mut position = before.clone();
        let count = self.settings.folders.len();
        // the first folder comes last, since IDLE watches the folder that is open
        let mut order: Vec<usize> = (self.turn..).take(count).map(|turn| turn % count.max(1)).collect();
        if order.last() != Some(&0) {
            order.push(0);
        }
        let mut news = false;
        loop {
            for &turn in if news { &[0] } else { order.as_slice() } {
                let Some(folder) = self.settings.folders.get(turn) else { continue };
                let found = self.look(&mut mailbox, folder, &mut position).await?;
                let Some((mut page, taken, more)) = found else { continue };
                self.turn = if more { turn } else { turn + 1 };
                page.more = true;
                page.cursor = position.write();
                self.taken = Some(taken);
                self.mailbox = Some(mailbox);
                return Ok(page);
            }
            // what a first look found out is kept before anything is waited for
            if position != before || !mailbox.idles {
                break;
            }
            let seconds = self.settings.idle_seconds;
            let seconds = if count > 1 { seconds.min(self.settings.poll_seconds) } else { seconds };
            (mailbox, news) = mailbox.wait(Duration::from_secs(seconds)).await?;
            if !news {
                break;
            }
        }
        self.mailbox = Some(mailbox);
        Ok(Page { cursor: position.write(), ..Page::default() })
    }

    /// The next messages of a folder, and whether it has more; nothing where there are none.
    async fn look(
        &self,
        mailbox: &mut Mailbox,
        folder: &str,
        position: &mut Position,
    ) -> Result<Option<(Page, Taken, bool)>, PullError> {
        let selected = mailbox.select(folder).await?;
        let known = position.folders.get(folder).copied();
        let mut place = match known {
            Some(place) if place.validity == selected.validity => place,
            Some(_) => Place { validity: selected.validity, last: 0, unseen_below: None },
            None => {
                let unseen_below =
                    (self.settings.backlog == Backlog::Unseen).then_some(selected.next).flatten();
                Place { validity: selected.validity, last: 0, unseen_below }
            }
        };
        let uids = mailbox.search(place.last, place.unseen_below).await?;
        if uids.is_empty() {
            if known != Some(place) {
                position.folders.insert(folder.to_owned(), place);
            }
            return Ok(None);
        }
        let batch = mailbox.fetch(&uids, self.settings.max_bytes(), &self.channel, folder).await?;
        let more = batch.last < uids.last().copied().unwrap_or_default();
        place.last = batch.last;
        position.folders.insert(folder.to_owned(), place);
        let taken = Taken { folder: folder.to_owned(), uids: batch.whole };
        let page = Page { items: batch.items, rejects: batch.rejects, ..Page::default() };
        Ok(Some((page, taken, more)))
    }

    async fn acknowledge(&mut self) -> Result<(), PullError> {
        let Some(taken) = self.taken.take().filter(|taken| !taken.uids.is_empty()) else { return Ok(()) };
        let Some(mut mailbox) = self.mailbox.take() else { return Ok(()) };
        match &self.settings.after {
            After::Keep => {}
            After::Seen => mailbox.mark_seen(&taken.folder, &taken.uids).await?,
            After::Move(target) => mailbox.move_to(&taken.folder, &taken.uids, target).await?,
        }
        self.mailbox = Some(mailbox);
        Ok(())
    }
}
