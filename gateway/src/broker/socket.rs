//! The TCP connection under lapin, with a handle to end it.
//!
//! lapin runs each connection on a thread of its own, which ends only when the peer answers or the socket fails. With a
//! peer that accepts and then says nothing (a frozen broker, a dead network path) an abandoned attempt would keep its
//! thread, its buffers and its socket for ever. [`Link`] shuts the socket down when dropped, and the thread with it.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
};

use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties, runtime,
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};

/// An open connection. Dropping it ends socket and thread at once; close politely before, where there is time.
pub(super) struct Link {
    pub(super) connection: Connection,
    _guard: Guard,
}

impl Link {
    /// Connects and completes the AMQP handshake. Dropping the future ends the attempt.
    pub(super) async fn open(uri: AMQPUri, properties: ConnectionProperties) -> lapin::Result<Self> {
        let authority = (uri.authority.host.clone(), uri.authority.port);
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(authority).await?.collect();
        let guard = Guard::default();
        let socket = Arc::clone(&guard.0);
        let connection = Connection::connector(
            uri,
            runtime::default_runtime()?,
            async move |uri: AMQPUri, runtime| {
                let stream = AsyncTcpStream::connect(&runtime, addresses.clone()).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    let plain = plain.get_ref();
                    plain.set_nodelay(true)?;
                    hold(&socket, plain.as_fd().try_clone_to_owned()?.into())?;
                }
                let config = OwnedTLSConfig::default();
                Ok(match uri.scheme {
                    AMQPScheme::AMQP => stream,
                    AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, config.as_ref()).await?,
                })
            },
            properties,
        )
        .await?;
        Ok(Self { connection, _guard: guard })
    }
}

#[derive(Default)]
enum Socket {
    #[default]
    Absent,
    Open(TcpStream),
    Abandoned,
}

fn hold(socket: &Mutex<Socket>, stream: TcpStream) -> io::Result<()> {
    let mut socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*socket, Socket::Abandoned) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    *socket = Socket::Open(stream);
    Ok(())
}

#[derive(Default)]
struct Guard(Arc<Mutex<Socket>>);

impl Drop for Guard {
    fn drop(&mut self) {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Socket::Open(stream) = std::mem::replace(&mut *socket, Socket::Abandoned) {
            // It may be closed already, which is what is wanted.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}
