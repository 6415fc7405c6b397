//! One connection to an IMAP server, every step of it under a timeout.

use std::{borrow::Cow, future::Future, time::Duration};

use async_imap::{
    Client, Session,
    error::Error,
    extensions::idle::IdleResponse,
    imap_proto::{MailboxDatum, Response},
    types::UnsolicitedResponse,
};
use futures_util::TryStreamExt;
use secrecy::ExposeSecret;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    connector::PullError,
    deliver::Unreachable,
    email::{
        imap::ImapSettings,
        server::{self, Encryption, Stream},
    },
};

/// A signed-in connection.
pub(super) struct Mailbox {
    pub(super) session: Session<Box<dyn Stream>>,
    /// Whether the server tells of new messages by itself, and is asked to.
    pub(super) idles: bool,
    moves: bool,
    uid_expunges: bool,
    selected: Option<String>,
    pub(super) limit: Duration,
}

/// A folder as it is now.
pub(super) struct Selected {
    pub(super) validity: u32,
    /// The UID that the next message will get.
    pub(super) next: Option<u32>,
}

/// A step of the server's, which must not take longer than this.
pub(super) async fn within<T, E: Into<Failure>>(
    limit: Duration,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, PullError> {
    match timeout(limit, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.into().0),
        Err(_) => Err(Unreachable::Timeout(limit).into()),
    }
}

/// An error of the library or of the network as the poller knows it.
pub(super) struct Failure(PullError);

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(Unreachable::Io(error).into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::Io(error) => return error.into(),
            Error::Bad(answer) | Error::No(answer) => PullError::Vendor { answer: short(&answer) },
            Error::ConnectionLost => closed(),
            // what could not be parsed may hold a citizen's words
            _ => Unreachable::Protocol(Cow::Borrowed("the server does not speak IMAP as it should")).into(),
        })
    }
}

fn closed() -> PullError {
    Unreachable::Protocol(Cow::Borrowed("the server closed the connection")).into()
}

/// A server's answer on one line. The library gives it as `code: None, info: Some("words")`.
fn short(answer: &str) -> String {
    let words = match answer.split_once("info: Some(\"") {
        Some((code, words)) => {
            let code = code.trim_start_matches("code: ").trim_end_matches(", ");
            let code = code.strip_prefix("Some(").and_then(|code| code.strip_suffix(')')).unwrap_or_default();
            format!("{code} {}", words.trim_end_matches("\")"))
        }
        None => answer.to_owned(),
    };
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    format!("IMAP: {}", line.trim())
}

impl Mailbox {
    pub(super) async fn connect(settings: &ImapSettings) -> Result<Self, PullError> {
        let limit = settings.timeout();
        let port = settings.port.unwrap_or(if settings.tls == Encryption::Tls { 993 } else { 143 });
        let tcp = within(limit, TcpStream::connect((settings.host.as_str(), port))).await?;
        within(limit, async { tcp.set_nodelay(true) }).await?;
        let ca_file = settings.ca_file.as_deref();
        let stream: Box<dyn Stream> = match settings.tls {
            Encryption::Tls => Box::new(within(limit, server::encrypt(tcp, &settings.host, ca_file)).await?),
            Encryption::None => Box::new(tcp),
            Encryption::Starttls => {
                let mut client = Client::new(tcp);
                greeting(&mut client, limit).await?;
                within(limit, client.run_command_and_check_ok("STARTTLS", None)).await?;
                Box::new(within(limit, server::encrypt(client.into_inner(), &settings.host, ca_file)).await?)
            }
        };
        let mut client = Client::new(stream);
        if settings.tls != Encryption::Starttls {
            greeting(&mut client, limit).await?;
        }
        let login = client.login(settings.user.as_str(), settings.password.expose_secret());
        let login = async { Ok::<_, Failure>(login.await.map_err(|(error, _)| error)) };
        let mut session = match within(limit, login).await? {
            Ok(session) => session,
            Err(Error::No(answer)) if !is_passing(&answer) => {
                return Err(PullError::Refused { answer: short(&answer) });
            }
            Err(error) => return Err(Failure::from(error).0),
        };
        let can = within(limit, session.capabilities()).await?;
        Ok(Self {
            idles: settings.idle && can.has_str("IDLE"),
            moves: can.has_str("MOVE"),
            uid_expunges: can.has_str("UIDPLUS"),
            session,
            selected: None,
            limit,
        })
    }

    /// Opens a folder anew, by which the server tells what came in.
    pub(super) async fn select(&mut self, folder: &str) -> Result<Selected, PullError> {
        self.selected = None;
        let mailbox = within(self.limit, self.session.select(folder)).await?;
        self.selected = Some(folder.to_owned());
        // from now on only what comes in after the search counts
        while self.session.unsolicited_responses.try_recv().is_ok() {}
        let Some(validity) = mailbox.uid_validity else {
            self.alive().await?;
            let answer = "the folder has no UIDVALIDITY, so its messages cannot be told apart".to_owned();
            return Err(PullError::Vendor { answer });
        };
        Ok(Selected { validity, next: mailbox.uid_next })
    }

    /// Whether the connection still is: the library takes its end for the end of an answer.
    async fn alive(&mut self) -> Result<(), PullError> {
        within(self.limit, self.session.noop()).await
    }

    /// Whether a message that was not given is in the open folder.
    pub(super) async fn has(&mut self, uid: u32) -> Result<bool, PullError> {
        self.alive().await?;
        let found = within(self.limit, self.session.uid_search(format!("UID {uid}"))).await?;
        self.alive().await?;
        Ok(found.contains(&uid))
    }

    /// The UIDs after the last one, in order; below the other mark only unread ones.
    pub(super) async fn search(
        &mut self,
        last: u32,
        unseen_below: Option<u32>,
    ) -> Result<Vec<u32>, PullError> {
        let Some(next) = last.checked_add(1) else { return Ok(Vec::new()) };
        // not `:*`, which means the last message even where that lies before
        let all = format!("UID {next}:{}", u32::MAX);
        let query = match unseen_below {
            Some(mark) if mark > next => format!("{all} OR UNSEEN UID {mark}:{}", u32::MAX),
            _ => all,
        };
        let found = within(self.limit, self.session.uid_search(query)).await?;
        let mut uids: Vec<u32> = found.into_iter().filter(|uid| *uid > last).collect();
        uids.sort_unstable();
        Ok(uids)
    }

    /// Waits until something comes into the open folder; the other part is whether it did.
    pub(super) async fn wait(mut self, wait: Duration) -> Result<(Self, bool), PullError> {
        if self.told() {
            return Ok((self, true));
        }
        let Self { session, idles, moves, uid_expunges, selected, limit } = self;
        let mut idle = session.idle();
        within(limit, idle.init()).await?;
        let (news, stop) = idle.wait_with_timeout(wait);
        // keepalives of the server start the wait again, so it has an end of its own
        let news = match timeout(wait, news).await {
            // the library says so when the connection ends; we never interrupt
            Ok(Ok(IdleResponse::ManualInterrupt)) => return Err(closed()),
            Ok(Ok(IdleResponse::Timeout)) | Err(_) => false,
            Ok(Ok(IdleResponse::NewData(data))) => match data.parsed() {
                Response::Data { .. } => return Err(closed()),
                parsed => {
                    matches!(parsed, Response::MailboxData(MailboxDatum::Exists(_) | MailboxDatum::Recent(_)))
                }
            },
            Ok(Err(error)) => return Err(Failure::from(error).0),
        };
        drop(stop);
        let session = within(limit, idle.done()).await?;
        let mut mailbox = Self { session, idles, moves, uid_expunges, selected, limit };
        let told = mailbox.told();
        Ok((mailbox, news || told))
    }

    /// Whether the server told of new messages between its answers.
    fn told(&mut self) -> bool {
        let mut told = false;
        while let Ok(response) = self.session.unsolicited_responses.try_recv() {
            told |= matches!(response, UnsolicitedResponse::Exists(_) | UnsolicitedResponse::Recent(_));
        }
        told
    }

    pub(super) async fn mark_seen(&mut self, folder: &str, uids: &[u32]) -> Result<(), PullError> {
        self.store(folder, uids, "+FLAGS.SILENT (\\Seen)").await
    }

    pub(super) async fn move_to(
        &mut self,
        folder: &str,
        uids: &[u32],
        target: &str,
    ) -> Result<(), PullError> {
        self.reselect(folder).await?;
        let set = set(uids);
        if self.moves {
            return within(self.limit, self.session.uid_mv(set, target)).await;
        }
        within(self.limit, self.session.uid_copy(&set, target)).await?;
        self.store(folder, uids, "+FLAGS.SILENT (\\Deleted)").await?;
        // without UIDPLUS an EXPUNGE would remove what somebody else marked, too: they stay until the folder is closed
        if self.uid_expunges {
            let expunge = async { self.session.uid_expunge(&set).await?.try_collect::<Vec<_>>().await };
            within(self.limit, expunge).await?;
        }
        Ok(())
    }

    async fn store(&mut self, folder: &str, uids: &[u32], change: &str) -> Result<(), PullError> {
        self.reselect(folder).await?;
        let store = async { self.session.uid_store(set(uids), change).await?.try_collect::<Vec<_>>().await };
        within(self.limit, store).await.map(drop)
    }

    async fn reselect(&mut self, folder: &str) -> Result<(), PullError> {
        if self.selected.as_deref() != Some(folder) {
            self.select(folder).await?;
        }
        Ok(())
    }
}

async fn greeting<T>(client: &mut Client<T>, limit: Duration) -> Result<(), PullError>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + std::fmt::Debug,
{
    use async_imap::imap_proto::Status;

    let greeting = within(limit, client.read_response()).await?.ok_or_else(closed)?;
    match greeting.parsed() {
        Response::Data { status: Status::Ok | Status::PreAuth, .. } => Ok(()),
        Response::Data { outcome, .. } => {
            let words = outcome.information.as_deref().unwrap_or("the server is not ready");
            Err(PullError::Vendor { answer: short(words) })
        }
        _ => Err(Unreachable::Protocol(Cow::Borrowed("this is no IMAP server")).into()),
    }
}

/// Whether a refused sign-in says nothing about the password (RFC 5530).
fn is_passing(answer: &str) -> bool {
    let answer = answer.to_ascii_uppercase();
    ["UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "TOO MANY", "MAXIMUM NUMBER"]
        .iter()
        .any(|code| answer.contains(code))
}

/// UIDs as a set of the protocol.
pub(super) fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
