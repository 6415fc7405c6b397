//! A scripted AMQP 0-9-1 broker: it answers handshake and declarations, collects a batch of publishes, and then sends
//! returns and confirms exactly in the order its script says.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame, WriteContext, gen_frame, parse_frame},
    protocol::{AMQPClass, basic, channel, confirm, connection, exchange, queue},
    types::ChannelId,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One thing the broker does after it has received a batch. Messages are numbered from 1, as delivery tags are.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `basic.return` of this message.
    Return(u64),
    /// `basic.ack` of this message alone.
    Ack(u64),
    /// `basic.ack` with `multiple`, up to this message.
    AckUpTo(u64),
    /// `basic.nack` of this message alone.
    Nack(u64),
    /// Closes the socket.
    Cut,
}

/// What to do with one batch: wait for `publishes` messages, then take the steps.
#[derive(Clone, Debug)]
pub struct Script {
    /// Messages to wait for, counted on one channel.
    pub publishes: usize,
    /// What to do then.
    pub steps: Vec<Step>,
}

/// The fake broker; stops when dropped.
pub struct FakeBroker {
    address: SocketAddr,
    acceptor: JoinHandle<()>,
}

impl FakeBroker {
    /// Serves on a port of its own. Scripts are used up in order, also across connections; a publish after the last is
    /// acknowledged at once.
    pub async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts = Arc::new(Mutex::new(VecDeque::from(scripts)));
        let acceptor = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = Peer { stream, scripts: Arc::clone(&scripts), batch: Vec::new(), tag: 0 };
                tokio::spawn(peer.serve());
            }
        });
        Self { address, acceptor }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

struct Message {
    tag: u64,
    publish: basic::Publish,
    header: Option<AMQPContentHeader>,
    body: Vec<u8>,
}

impl Message {
    fn complete(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.body_size as usize == self.body.len())
    }
}

struct Peer {
    stream: TcpStream,
    scripts: Arc<Mutex<VecDeque<Script>>>,
    batch: Vec<Message>,
    tag: u64,
}

/// The peer is gone or asked to close.
struct Gone;

impl Peer {
    async fn serve(mut self) {
        let mut input = Vec::new();
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer).await {
                Ok(read) if read > 0 => input.extend_from_slice(&buffer[..read]),
                _ => return,
            }
            while let Ok((rest, frame)) = parse_frame(input.as_slice()) {
                let used = input.len() - rest.len();
                input.drain(..used);
                if self.take(frame).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn take(&mut self, frame: AMQPFrame) -> Result<(), Gone> {
        match frame {
            AMQPFrame::ProtocolHeader(_) => {
                let start = connection::Start {
                    version_major: 0,
                    version_minor: 9,
                    server_properties: Default::default(),
                    mechanisms: "PLAIN".into(),
                    locales: "en_US".into(),
                };
                self.send_method(0, AMQPClass::Connection(connection::AMQPMethod::Start(start))).await
            }
            AMQPFrame::Method(channel, method) => self.method(channel, method).await,
            AMQPFrame::Header(channel, header) => {
                self.batch.last_mut().unwrap().header = Some(header);
                self.received(channel).await
            }
            AMQPFrame::Body(channel, body) => {
                self.batch.last_mut().unwrap().body.extend(body);
                self.received(channel).await
            }
            AMQPFrame::Heartbeat | AMQPFrame::InvalidHeartbeat(_) => Ok(()),
        }
    }

    async fn method(&mut self, id: ChannelId, method: AMQPClass) -> Result<(), Gone> {
        use AMQPClass as Class;
        let answer = match method {
            Class::Connection(connection::AMQPMethod::StartOk(_)) => {
                Class::Connection(connection::AMQPMethod::Tune(connection::Tune {
                    channel_max: 16,
                    frame_max: 131_072,
                    heartbeat: 0,
                }))
            }
            Class::Connection(connection::AMQPMethod::TuneOk(_)) => return Ok(()),
            Class::Connection(connection::AMQPMethod::Open(_)) => {
                Class::Connection(connection::AMQPMethod::OpenOk(connection::OpenOk {}))
            }
            Class::Connection(connection::AMQPMethod::Close(_)) => {
                let ok = connection::AMQPMethod::CloseOk(connection::CloseOk {});
                self.send_method(0, Class::Connection(ok)).await?;
                return Err(Gone);
            }
            Class::Channel(channel::AMQPMethod::Open(_)) => {
                Class::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {}))
            }
            Class::Channel(channel::AMQPMethod::Close(_)) => {
                Class::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {}))
            }
            Class::Confirm(confirm::AMQPMethod::Select(_)) => {
                Class::Confirm(confirm::AMQPMethod::SelectOk(confirm::SelectOk {}))
            }
            Class::Exchange(exchange::AMQPMethod::Declare(_)) => {
                Class::Exchange(exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {}))
            }
            Class::Queue(queue::AMQPMethod::Declare(declare)) => {
                Class::Queue(queue::AMQPMethod::DeclareOk(queue::DeclareOk {
                    queue: declare.queue,
                    message_count: 0,
                    consumer_count: 0,
                }))
            }
            Class::Queue(queue::AMQPMethod::Bind(_)) => {
                Class::Queue(queue::AMQPMethod::BindOk(queue::BindOk {}))
            }
            Class::Basic(basic::AMQPMethod::Publish(publish)) => {
                self.tag += 1;
                self.batch.push(Message { tag: self.tag, publish, header: None, body: Vec::new() });
                return Ok(());
            }
            other => panic!("the fake broker does not know {other:?}"),
        };
        self.send_method(id, answer).await
    }

    /// Takes the next script's steps once its batch is complete.
    async fn received(&mut self, channel: ChannelId) -> Result<(), Gone> {
        if !self.batch.last().is_some_and(Message::complete) {
            return Ok(());
        }
        let steps = {
            let mut scripts = self.scripts.lock().unwrap();
            match scripts.front() {
                Some(script) if self.batch.len() < script.publishes => return Ok(()),
                Some(_) => scripts.pop_front().unwrap().steps,
                None => vec![Step::Ack(self.tag)],
            }
        };
        for step in steps {
            self.step(channel, step).await?;
        }
        self.batch.clear();
        Ok(())
    }

    async fn step(&mut self, channel: ChannelId, step: Step) -> Result<(), Gone> {
        let method = match step {
            Step::Cut => return Err(Gone),
            Step::Return(tag) => return self.send_return(channel, tag).await,
            Step::Ack(delivery_tag) | Step::AckUpTo(delivery_tag) => {
                let multiple = matches!(step, Step::AckUpTo(_));
                basic::AMQPMethod::Ack(basic::Ack { delivery_tag, multiple })
            }
            Step::Nack(delivery_tag) => {
                basic::AMQPMethod::Nack(basic::Nack { delivery_tag, multiple: false, requeue: false })
            }
        };
        self.send_method(channel, AMQPClass::Basic(method)).await
    }

    async fn send_return(&mut self, channel: ChannelId, tag: u64) -> Result<(), Gone> {
        let message = self.batch.iter().find(|message| message.tag == tag).unwrap();
        let method = basic::AMQPMethod::Return(basic::Return {
            reply_code: 312,
            reply_text: "NO_ROUTE".into(),
            exchange: message.publish.exchange.clone(),
            routing_key: message.publish.routing_key.clone(),
        });
        let header = message.header.clone().unwrap();
        let body = message.body.clone();
        self.send_method(channel, AMQPClass::Basic(method)).await?;
        self.send(&AMQPFrame::Header(channel, header)).await?;
        self.send(&AMQPFrame::Body(channel, body)).await
    }

    async fn send_method(&mut self, channel: ChannelId, method: AMQPClass) -> Result<(), Gone> {
        self.send(&AMQPFrame::Method(channel, method)).await
    }

    async fn send(&mut self, frame: &AMQPFrame) -> Result<(), Gone> {
        let bytes = gen_frame(frame)(WriteContext::from(Vec::new())).unwrap().into_inner().0;
        self.stream.write_all(&bytes).await.map_err(|_| Gone)
    }
}
