//! Encrypted connections of the RPC port, from the first byte to the agreed key.
//!
//! Each agrees on its key beside the others, so that one that says nothing holds up nobody. Knows
//! no call. Run by `rpc` where there is a certificate.

use crate::tls::{HANDSHAKE_TIMEOUT, Tls};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// Connections that agree on a key at a time; others wait in the backlog. Each takes under a
/// millisecond of work, or waits for its peer.
const HANDSHAKES_MAX: usize = 512;
/// Connections that are ready and not taken yet; those beyond them wait.
pub(super) const READY_MAX: usize = 64;
/// Wait after an accept that failed, which is mostly the process's limit of open files: spinning
/// would not free any.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until told to stop, or nobody takes connections any more.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Tls,
    ready: mpsc::Sender<io::Result<TlsStream<TcpStream>>>,
    until: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let mut handshakes = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            let place = place.await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let (stream, place) = tokio::select! {
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
        let (ready, handshake) = (ready.clone(), tls.calls().accept(stream));
        handshakes.spawn(async move {
            let _place = place;
            // What goes wrong with it is the other side's affair.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                let _ = ready.send(Ok(stream)).await;
            }
        });
    }
    handshakes.shutdown().await;
}
