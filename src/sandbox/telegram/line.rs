//! A connection that can be cut on purpose: how the sandbox hangs up without an answer or in the middle of one.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Default, Clone, Copy)]
enum Cut {
    #[default]
    Whole,
    /// Nothing more goes out; the connection closes.
    Now,
    /// The head of the next answer and so many bytes of its body go out, then the connection is reset.
    InBody(usize),
}

/// The scissors of one connection. Clones cut the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Arc<Mutex<Cut>>);

impl Line {
    /// The next answer is not sent; the connection closes instead.
    pub fn cut(&self) {
        self.set(Cut::Now);
    }

    /// The next answer breaks off after so many bytes of its body.
    pub fn cut_in_body(&self, bytes: usize) {
        self.set(Cut::InBody(bytes));
    }

    fn set(&self, cut: Cut) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    fn get(&self) -> Cut {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens on a port and hands out connections with scissors.
pub(super) struct Doorway(pub TcpListener);

/// An accepted connection.
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
}

impl Listener for Doorway {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        // The listener's own `accept` waits and tries again when the system is out of files.
        let (stream, peer) = Listener::accept(&mut self.0).await;
        (Wire { stream, line: Line::default() }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Doorway>> for Line {
    fn connect_info(stream: IncomingStream<'_, Doorway>) -> Self {
        stream.io().line.clone()
    }
}

fn hung_up() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the sandbox cut the line")
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = match self.line.get() {
            Cut::Whole => bytes.len(),
            Cut::Now => return Poll::Ready(Err(hung_up())),
            Cut::InBody(body) => {
                // An answer is written from its beginning; a head without an end passes whole.
                let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
                self.line.set(if head.is_some() { Cut::Now } else { Cut::InBody(body) });
                head.map_or(bytes.len(), |end| bytes.len().min(end + 4 + body))
            }
        };
        Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
