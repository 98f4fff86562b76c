//! A relay on loopback between two parts of a test, which does to the line what networks do: it
//! delays, cuts, halves an answer, or swallows answers whole while questions still arrive.
//!
//! Knows no protocol, except that it can count the answers of an RPC that it swallowed. Ends with
//! the test.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Everything passes.
    Sound,
    /// Everything passes, each way this much later.
    Slow(Duration),
    /// Connections are broken, new ones too.
    Cut,
    /// Half of the next answer passes, then the connection breaks; after that the line is sound.
    Halve,
    /// Questions pass, answers do not.
    Swallow,
    /// As [`Self::Swallow`], from the first question on that holds these bytes.
    SwallowAfter(&'static [u8]),
}

/// A relay. Its address stays the same whatever happens behind it.
pub(crate) struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    swallowed: Arc<AtomicU64>,
    /// Dropped with the relay, which ends it.
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Relays to `target`.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let line = watch::Sender::new(Line::Sound);
        let swallowed = Arc::new(AtomicU64::new(0));
        let relay = Relay { target, line: line.clone(), swallowed: Arc::clone(&swallowed) };
        let mut tasks = JoinSet::new();
        tasks.spawn(relay.listen(listener));
        Self { address, line, swallowed, _tasks: tasks }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the line is like this.
    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// How the line is now.
    pub(crate) fn line(&self) -> Line {
        *self.line.borrow()
    }

    /// RPC answers that were swallowed since the start. One that was counted had been sent: what it
    /// acknowledges is durable, and nobody heard of it.
    pub(crate) fn swallowed(&self) -> u64 {
        self.swallowed.load(Ordering::Acquire)
    }
}

#[derive(Clone)]
struct Relay {
    target: SocketAddr,
    line: watch::Sender<Line>,
    swallowed: Arc<AtomicU64>,
}

impl Relay {
    async fn listen(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((near, _)) => drop(connections.spawn(self.clone().connect(near))),
                    // The peer went away while it waited.
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                    Err(error) => panic!("the relay cannot listen: {error}"),
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// One connection, until an end closes it or the line breaks.
    async fn connect(self, near: TcpStream) {
        if *self.line.borrow() == Line::Cut {
            return;
        }
        // Nobody there: the caller sees its connection end.
        let Ok(far) = TcpStream::connect(self.target).await else { return };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        let mut line = self.line.subscribe();
        let broken = async { drop(line.wait_for(|line| *line == Line::Cut).await) };
        tokio::select! {
            () = broken => {}
            () = ask(near_in, far_out, self.line.clone()) => {}
            () = self.answer(far_in, near_out) => {}
        }
    }

    async fn answer(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 64 << 10];
        let mut frames = Frames::default();
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let mut answer = &bytes[..count];
            let answers = frames.answers(answer);
            let line = *self.line.borrow();
            match line {
                Line::Sound | Line::SwallowAfter(_) => {}
                Line::Slow(span) => tokio::time::sleep(span).await,
                Line::Cut => return,
                Line::Halve => {
                    self.line.send_replace(Line::Sound);
                    answer = &answer[..count / 2];
                }
                Line::Swallow => {
                    self.swallowed.fetch_add(answers, Ordering::AcqRel);
                    continue;
                }
            }
            if to.write_all(answer).await.is_err() || line == Line::Halve {
                return;
            }
        }
    }
}

async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: watch::Sender<Line>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let now = *line.borrow();
        match now {
            Line::Slow(span) => tokio::time::sleep(span).await,
            Line::SwallowAfter(mark)
                if bytes[..count].windows(mark.len()).any(|part| part == mark) =>
            {
                line.send_replace(Line::Swallow);
            }
            _ => {}
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Follows the frames of HTTP/2: a head of nine bytes, of which the first three are the length of
/// what follows and the fourth the kind. Other protocols give numbers without meaning.
#[derive(Default)]
struct Frames {
    head: Vec<u8>,
    /// Bytes of the frame at hand that are still to come.
    left: usize,
}

/// The kind of frame that carries the message of an answer.
const DATA: u8 = 0;

impl Frames {
    /// How many frames with messages begin in these bytes.
    fn answers(&mut self, mut bytes: &[u8]) -> u64 {
        let mut count = 0;
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if let [a, b, c, kind, ..] = self.head[..]
                && self.head.len() == 9
            {
                self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                count += u64::from(kind == DATA && self.left > 0);
                self.head.clear();
            }
        }
        count
    }
}
