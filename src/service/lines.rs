//! Connections of both ports, from the first byte until they are closed.
//!
//! Each agrees on its key beside the others, so that one that says nothing holds up nobody, and one
//! network takes only a part of the places. Knows no call and no page. Run by `app` for RPCs and by
//! `http` for pages, with or without a certificate.

use crate::auth::meter::network;
use crate::tls::HANDSHAKE_TIMEOUT;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

/// Connections that agree on a key at a time; others wait in the backlog. Each takes under a
/// millisecond of work, or waits for its peer.
const HANDSHAKES_MAX: usize = 512;
/// The same for one network. What comes beyond them is closed at once, since waiting would hold up
/// the others: whoever means it well is back in a moment.
const HANDSHAKES_OF_ONE_MAX: usize = 64;
/// Connections that are ready and not taken yet; those beyond them wait.
const READY_MAX: usize = 64;
/// Wait after an accept that failed, which is mostly the process's limit of open files: spinning
/// would not free any.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections a port has room for, and what they must say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Connections at once. Those beyond them wait in the backlog.
    pub(crate) connections_max: usize,
    /// The same for one network. Those beyond them are closed at once, as handshakes are.
    pub(crate) connections_of_one_max: usize,
    /// What a caller must have said within the time of a handshake, in bytes; 0 where whoever
    /// speaks over the connection sees to that.
    pub(crate) preface_bytes: usize,
}

/// A connection that is open. Gives its place back when it is dropped.
pub(crate) struct Line<S> {
    stream: S,
    peer: SocketAddr,
    /// Until when it must have begun to speak, and how many bytes are missing.
    hello: Option<(Pin<Box<Sleep>>, usize)>,
    _place: Place,
}

/// A connection's place, among all and among those of its network.
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_one: Seat,
}

/// Connections as they become ready.
pub(crate) type Lines<S> = mpsc::Receiver<io::Result<Line<S>>>;

/// Accepts until told to stop, or nobody takes connections any more; `agree` makes of what was
/// accepted what is spoken over.
pub(crate) fn accept<S, F>(
    listener: TcpListener,
    room: Room,
    agree: impl Fn(TcpStream) -> F + Send,
    until: CancellationToken,
) -> (Lines<S>, impl Future<Output = ()> + Send)
where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let (ready, lines) = mpsc::channel(READY_MAX);
    (lines, accept_into(ready, listener, room, agree, until))
}

async fn accept_into<S, F>(
    ready: mpsc::Sender<io::Result<Line<S>>>,
    listener: TcpListener,
    room: Room,
    agree: impl Fn(TcpStream) -> F + Send,
    until: CancellationToken,
) where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let handshakes_max = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let connections_max = Arc::new(Semaphore::new(room.connections_max));
    let agreeing = Seats::new(HANDSHAKES_OF_ONE_MAX);
    let open = Seats::new(room.connections_of_one_max);
    let mut handshakes = JoinSet::new();
    loop {
        let handshake = Arc::clone(&handshakes_max).acquire_owned();
        let place = Arc::clone(&connections_max).acquire_owned();
        let accepted = async {
            let place = place.await.expect("the semaphore is never closed");
            let handshake = handshake.await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, peer)| (stream, peer, place, handshake))
        };
        let (stream, peer, place, handshake) = tokio::select! {
            biased;
            () = until.cancelled() => break,
            () = ready.closed() => break,
            Some(_) = handshakes.join_next() => continue,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let of = network(peer.ip());
        let (Some(seat), Some(of_one)) = (agreeing.take(of), open.take(of)) else { continue };
        let place = Place { _of_all: place, _of_one: of_one };
        let (ready, agreed) = (ready.clone(), agree(stream));
        handshakes.spawn(async move {
            let agreed = tokio::time::timeout(HANDSHAKE_TIMEOUT, agreed).await;
            drop(seat);
            // What goes wrong with it is the other side's affair.
            if let Ok(Ok(stream)) = agreed {
                let line = Line::new(stream, peer, room.preface_bytes, place);
                let _ = ready.send(Ok(line)).await;
            }
            drop(handshake);
        });
    }
    handshakes.shutdown().await;
}

/// How many of something each network has now. A copy counts in the same books.
#[derive(Clone)]
struct Seats {
    most: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One of them.
struct Seat {
    of: Seats,
    network: IpAddr,
}

impl Seats {
    /// With so many for each.
    fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A seat, unless the network has as many as one may.
    fn take(&self, network: IpAddr) -> Option<Seat> {
        // Every step leaves it whole, so that a panic elsewhere does not spoil it.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { of: self.clone(), network })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

impl<S> Line<S> {
    fn new(stream: S, peer: SocketAddr, preface_bytes: usize, place: Place) -> Self {
        let hello = (preface_bytes > 0)
            .then(|| (Box::pin(tokio::time::sleep(HANDSHAKE_TIMEOUT)), preface_bytes));
        Self { stream, peer, hello, _place: place }
    }

    /// What is spoken over.
    pub(crate) const fn stream(&self) -> &S {
        &self.stream
    }

    /// Who is on the other side.
    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl<S: Connected> Connected for Line<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        if let Some((deadline, _)) = &mut line.hello
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut line.stream).poll_read(context, buffer));
        let count = buffer.filled().len().saturating_sub(before);
        line.hello = line.hello.take().and_then(|(deadline, missing)| {
            let missing = missing.saturating_sub(count);
            (missing > 0).then_some((deadline, missing))
        });
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// As of a port of HTTP/2.
    const PREFACE_BYTES: usize = 24;
    const ROOM: Room = Room {
        connections_max: 1_000,
        connections_of_one_max: 1_000,
        preface_bytes: PREFACE_BYTES,
    };

    #[test]
    fn one_network_takes_its_part_of_the_places_and_leaves_the_others_theirs() {
        let seats = Seats::new(HANDSHAKES_OF_ONE_MAX);
        let [one, two] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut taken: Vec<Seat> = std::iter::from_fn(|| seats.take(one)).collect();
        assert_eq!(taken.len(), HANDSHAKES_OF_ONE_MAX);
        assert!(seats.take(two).is_some());
        taken.pop();
        taken.push(seats.take(one).unwrap());
        assert!(seats.take(one).is_none());
        drop(taken);
        assert!(seats.taken.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test ends it itself")]
    async fn silent_connections_of_one_network_beyond_its_places_are_closed_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let never = |stream: TcpStream| async move {
            let _held = stream;
            std::future::pending::<io::Result<TcpStream>>().await
        };
        let (_lines, accepting) = accept(listener, ROOM, never, stop.clone());
        let accepting = tokio::spawn(accepting);
        let mut silent = Vec::new();
        for _ in 0..HANDSHAKES_OF_ONE_MAX + 8 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let beyond = &mut silent[HANDSHAKES_OF_ONE_MAX..];
        for stream in beyond {
            let told = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0])).await;
            assert!(!matches!(told.unwrap(), Ok(1..)), "closed without a word");
        }
        let told = tokio::time::timeout(Duration::from_millis(50), silent[0].read(&mut [0])).await;
        assert!(told.is_err(), "this one still has its time");
        stop.cancel();
        accepting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_say_hello_is_left_and_who_did_may_be_silent() {
        let peer: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let place = || async {
            let of_all = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
            Place { _of_all: of_all, _of_one: Seats::new(1).take(peer.ip()).unwrap() }
        };
        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut line = Line::new(ours, peer, PREFACE_BYTES, place().await);
        theirs.write_all(&[0; PREFACE_BYTES - 1]).await.unwrap();
        let mut told = [0; PREFACE_BYTES];
        let error = line.read_exact(&mut told).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (mut theirs, ours) = tokio::io::duplex(64);
        let mut line = Line::new(ours, peer, PREFACE_BYTES, place().await);
        theirs.write_all(&[0; PREFACE_BYTES]).await.unwrap();
        line.read_exact(&mut told).await.unwrap();
        let silence = tokio::time::timeout(HANDSHAKE_TIMEOUT * 10, line.read(&mut told)).await;
        assert!(silence.is_err());
    }
}
