//! One bound session: a task that owns the connection, answers what the centre asks, and passes on the rest.

mod connect;

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use rusmpp::{
    CommandStatus, Pdu,
    pdus::{DeliverSmResp, SubmitSm},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{
    codec::{FramedRead, LengthDelimitedCodec},
    sync::{CancellationToken, DropGuard},
};

use super::{
    pdu::{self, HEADER, LAST_SEQUENCE},
    settings::Settings,
};
use crate::{connector::PullError, deliver::Unreachable};

/// How many messages may wait to be stored; beyond it the centre is asked to come again.
const WAITING: usize = 500;
/// How long the centre may take to let us go.
const GOODBYE: Duration = Duration::from_secs(2);

const GENERIC_NACK: u32 = 0x8000_0000;
const SUBMIT_SM_RESP: u32 = 0x8000_0004;
const DELIVER_SM: u32 = 0x0000_0005;
const UNBIND: u32 = 0x0000_0006;
const UNBIND_RESP: u32 = 0x8000_0006;
const OUTBIND: u32 = 0x0000_000B;
const ENQUIRE_LINK: u32 = 0x0000_0015;
const ENQUIRE_LINK_RESP: u32 = 0x8000_0015;
const ALERT_NOTIFICATION: u32 = 0x0000_0102;

/// TCP or TLS.
trait Wire: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Wire for T {}
type Stream = Pin<Box<dyn Wire>>;
type Reader = FramedRead<ReadHalf<Stream>, LengthDelimitedCodec>;

/// The session that stands now, shared by who receives and who sends.
#[derive(Default)]
pub(super) struct Link(Mutex<Option<mpsc::Sender<Submit>>>);

impl Link {
    pub(super) fn sender(&self) -> Option<mpsc::Sender<Submit>> {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.filter(|sender| !sender.is_closed())
    }

    fn set(&self, sender: mpsc::Sender<Submit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }
}

/// A message of ours and who waits for the answer.
pub(super) struct Submit {
    pub(super) message: Box<SubmitSm>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What became of a `submit_sm`. Nothing comes where the session broke before.
pub(super) enum Answer {
    /// The centre's status, and its id of the message.
    Given(u32, Option<String>),
    /// None within the time.
    Late,
}

/// A `deliver_sm` that waits for its answer.
pub(super) struct Inbound {
    pub(super) sequence: u32,
    pub(super) frame: Bytes,
}

/// A bound session. It is unbound when this is dropped.
pub(super) struct Session {
    pub(super) inbound: mpsc::Receiver<Inbound>,
    answers: mpsc::Sender<u32>,
    proved: watch::Receiver<Instant>,
    task: JoinHandle<PullError>,
    _cancel: DropGuard,
}

impl Session {
    /// Connects and binds.
    pub(super) async fn open(settings: &Settings) -> Result<Self, PullError> {
        let (reader, line) = connect::bind(settings).await?;
        let (arrived, inbound) = mpsc::channel(WAITING);
        let (answers, to_answer) = mpsc::channel(WAITING);
        let (submit, to_submit) = mpsc::channel(settings.window);
        let now = Instant::now();
        let (prove, proved) = watch::channel(now);
        let cancel = CancellationToken::new();
        let task = Task {
            reader,
            line,
            arrived,
            to_answer,
            to_submit,
            prove,
            window: settings.window,
            every: settings.enquire_link(),
            enquire_at: now + settings.enquire_link(),
            enquired: None,
            outstanding: HashMap::new(),
        };
        let task = tokio::spawn(task.run(cancel.clone()));
        settings.link.set(submit);
        Ok(Self { inbound, answers, proved, task, _cancel: cancel.drop_guard() })
    }

    /// Answers a `deliver_sm`: it is on disk. False where the session has ended.
    pub(super) async fn answer(&self, sequence: u32) -> bool {
        self.answers.send(sequence).await.is_ok()
    }

    /// The centre has read all answers that were given before this.
    pub(super) fn proved(&self) -> Instant {
        *self.proved.borrow()
    }

    /// Why it ended.
    pub(super) async fn end(self) -> PullError {
        self.task.await.unwrap_or_else(|_| broken("the session's task failed"))
    }
}

fn broken(what: &'static str) -> PullError {
    Unreachable::Protocol(what.into()).into()
}

fn io(error: io::Error) -> PullError {
    Unreachable::Io(error).into()
}

/// Where PDUs are written.
struct Line {
    writer: WriteHalf<Stream>,
    response: Duration,
    next: u32,
}

impl Line {
    /// A centre that does not read is as bad as one that does not answer.
    async fn write(&mut self, octets: &[u8]) -> Result<(), PullError> {
        let late = |_| PullError::from(Unreachable::Timeout(self.response));
        timeout(self.response, self.writer.write_all(octets)).await.map_err(late)?.map_err(io)
    }

    async fn answer(
        &mut self,
        sequence: u32,
        status: CommandStatus,
        pdu: impl Into<Pdu>,
    ) -> Result<(), PullError> {
        self.write(&pdu::octets(status, sequence, pdu)).await
    }

    /// Sends a request; its sequence number.
    async fn ask(&mut self, pdu: impl Into<Pdu>) -> Result<u32, PullError> {
        let sequence = self.next;
        self.next = if sequence >= LAST_SEQUENCE { 1 } else { sequence + 1 };
        self.write(&pdu::octets(CommandStatus::EsmeRok, sequence, pdu)).await?;
        Ok(sequence)
    }
}

/// Command, status and sequence number of a frame.
fn header(frame: &[u8]) -> Option<(u32, u32, u32)> {
    let word = |at: usize| Some(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?));
    Some((word(4)?, word(8)?, word(12)?))
}

async fn frame(reader: &mut Reader) -> Result<Bytes, PullError> {
    match reader.next().await {
        Some(Ok(frame)) if frame.len() >= HEADER => Ok(BytesMut::freeze(frame)),
        Some(Ok(_)) => Err(broken("a PDU is shorter than its header")),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            Err(PullError::TooLarge { limit: pdu::LONGEST })
        }
        Some(Err(error)) => Err(io(error)),
        None => Err(broken("the SMSC closed the connection")),
    }
}

struct Task {
    reader: Reader,
    line: Line,
    arrived: mpsc::Sender<Inbound>,
    to_answer: mpsc::Receiver<u32>,
    to_submit: mpsc::Receiver<Submit>,
    prove: watch::Sender<Instant>,
    window: usize,
    every: Duration,
    enquire_at: Instant,
    /// The `enquire_link` that waits for its answer.
    enquired: Option<(u32, Instant)>,
    outstanding: HashMap<u32, (oneshot::Sender<Answer>, Instant)>,
}

impl Task {
    async fn run(mut self, cancel: CancellationToken) -> PullError {
        loop {
            let wake = self.wake();
            let result = tokio::select! {
                () = cancel.cancelled() => {
                    self.goodbye().await;
                    return broken("the session was ended by Muara");
                }
                frame = frame(&mut self.reader) => match frame {
                    Ok(frame) => self.received(frame).await,
                    Err(error) => Err(error),
                },
                Some(sequence) = self.to_answer.recv() => self.accept(sequence).await,
                Some(submit) = self.to_submit.recv(), if self.outstanding.len() < self.window => {
                    self.submit(submit).await
                }
                () = sleep_until(wake) => self.tick().await,
            };
            if let Err(error) = result {
                return error;
            }
        }
    }

    /// When something is due.
    fn wake(&self) -> Instant {
        let link = self.enquired.map_or(self.enquire_at, |(_, sent)| sent + self.line.response);
        self.outstanding.values().map(|(_, sent)| *sent + self.line.response).fold(link, Instant::min)
    }

    async fn received(&mut self, frame: Bytes) -> Result<(), PullError> {
        let Some((command, status, sequence)) = header(&frame) else { return Ok(()) };
        match command {
            DELIVER_SM => match self.arrived.try_send(Inbound { sequence, frame }) {
                Ok(()) => {}
                Err(_) => {
                    let come_again = CommandStatus::EsmeRxTAppn;
                    self.line.answer(sequence, come_again, DeliverSmResp::default()).await?;
                }
            },
            ENQUIRE_LINK => self.line.answer(sequence, CommandStatus::EsmeRok, Pdu::EnquireLinkResp).await?,
            ENQUIRE_LINK_RESP => self.alive(sequence),
            SUBMIT_SM_RESP => self.answered(sequence, Answer::Given(status, message_id(&frame))),
            GENERIC_NACK => {
                self.alive(sequence);
                self.answered(sequence, Answer::Given(status, None));
            }
            UNBIND => {
                self.line.answer(sequence, CommandStatus::EsmeRok, Pdu::UnbindResp).await?;
                return Err(broken("the SMSC ended the session (unbind)"));
            }
            OUTBIND | ALERT_NOTIFICATION => {}
            response if response & GENERIC_NACK != 0 => {}
            _ => self.line.answer(sequence, CommandStatus::EsmeRinvcmdid, Pdu::GenericNack).await?,
        }
        Ok(())
    }

    /// The centre has read what was written before this `enquire_link`.
    fn alive(&mut self, sequence: u32) {
        if let Some((_, sent)) = self.enquired.take_if(|(asked, _)| *asked == sequence) {
            self.enquire_at = Instant::now() + self.every;
            self.prove.send_replace(sent);
        }
    }

    fn answered(&mut self, sequence: u32, answer: Answer) {
        if let Some((waiting, _)) = self.outstanding.remove(&sequence) {
            // whoever asked may have gone
            waiting.send(answer).ok();
        }
    }

    async fn accept(&mut self, sequence: u32) -> Result<(), PullError> {
        self.line.answer(sequence, CommandStatus::EsmeRok, DeliverSmResp::default()).await
    }

    async fn submit(&mut self, submit: Submit) -> Result<(), PullError> {
        let sequence = self.line.ask(*submit.message).await?;
        self.outstanding.insert(sequence, (submit.answer, Instant::now()));
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), PullError> {
        let (now, response) = (Instant::now(), self.line.response);
        let late = self.outstanding.iter().filter(|(_, (_, sent))| *sent + response <= now);
        for sequence in late.map(|(sequence, _)| *sequence).collect::<Vec<_>>() {
            self.answered(sequence, Answer::Late);
        }
        match self.enquired {
            Some((_, sent)) if sent + response <= now => return Err(Unreachable::Timeout(response).into()),
            None if self.enquire_at <= now => {
                // what its answer proves must stand before it
                while let Ok(sequence) = self.to_answer.try_recv() {
                    self.accept(sequence).await?;
                }
                let sent = Instant::now();
                let sequence = self.line.ask(Pdu::EnquireLink).await?;
                self.enquired = Some((sequence, sent));
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets the centre know that we go; it keeps what is not answered.
    async fn goodbye(&mut self) {
        let leave = async {
            while let Ok(sequence) = self.to_answer.try_recv() {
                self.accept(sequence).await?;
            }
            let sequence = self.line.ask(Pdu::Unbind).await?;
            loop {
                let frame = frame(&mut self.reader).await?;
                if matches!(header(&frame), Some((UNBIND_RESP | GENERIC_NACK, _, answered)) if answered == sequence)
                {
                    break;
                }
            }
            self.line.writer.shutdown().await.map_err(io)
        };
        // gone either way
        timeout(GOODBYE, leave).await.ok();
    }
}

fn message_id(frame: &[u8]) -> Option<String> {
    match pdu::command(frame).ok()?.pdu()? {
        Pdu::SubmitSmResp(response) => {
            Some(response.message_id().as_str().to_owned()).filter(|id| !id.is_empty())
        }
        _ => None,
    }
}
