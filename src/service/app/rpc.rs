//! The gRPC port: every service, health and reflection.

use crate::admin::Admin;
use crate::auth::door::{self, Guard};
use crate::config::Config;
use crate::ingest::grpc::{Intake, Room};
use crate::lines::{self, Lines};
use crate::partition::Partitions;
use crate::publish::grpc::Multipliers;
use crate::tls::{self, Tls};
use anyhow::Context;
use paceline_proto::v1::FILE_DESCRIPTOR_SET;
use paceline_proto::v1::admin_service_server::AdminServiceServer;
use paceline_proto::v1::multiplier_service_server::MultiplierServiceServer;
use paceline_proto::v1::spend_service_server::SpendServiceServer;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::{Connected, Router};

/// The largest message taken but for reports, which have a setting: a catalogue at its bounds is
/// half of this.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// After so long without a word, a connection is asked whether its caller is still there.
const QUIET_MAX: Duration = Duration::from_secs(30);
/// How long the answer may take: a caller that is gone without a farewell keeps no place.
const SIGN_OF_LIFE_MAX: Duration = Duration::from_secs(20);

/// How long calls may go on after their connection's age, before it is cut, with no farewell before
/// that: a stream would never end by itself, and whoever is cut off connects again.
const AGE_GRACE: Duration = Duration::from_secs(60);

/// Connections at some ten kilobytes each: every bidder of a large fleet has one or two, and all of
/// them may be behind one address. Of HTTP/2 a caller says 24 bytes first (RFC 9113, section 3.4),
/// and only whoever has said them is asked afterwards whether they are still there.
const ROOM: lines::Room =
    lines::Room { connections_max: 10_000, connections_of_one_max: 10_000, preface_bytes: 24 };

/// The port, serving.
pub(super) struct Rpc {
    pub(super) address: SocketAddr,
    streams: CancellationToken,
    stop: CancellationToken,
    reports: Room,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Begins to serve on a listener that is bound already, encrypted and behind a door where told so.
pub(super) async fn serve(
    listener: TcpListener,
    (tls, guard): (Option<Tls>, &Guard),
    partitions: &Partitions,
    config: &Config,
    tasks: &TaskTracker,
) -> anyhow::Result<Rpc> {
    let ingest = &config.ingest;
    let address = listener.local_addr().context("asking for the RPC port")?;
    listener.set_nonblocking(true).context("preparing the RPC port")?;
    let listener = tokio::net::TcpListener::from_std(listener).context("preparing the RPC port")?;
    let (stop, streams) = (CancellationToken::new(), CancellationToken::new());
    let multipliers = Multipliers::new(partitions.clone(), tasks.clone(), streams.clone());
    let admin = Admin::new(partitions.clone(), format!("{address}#{}", std::process::id()));
    let admin = AdminServiceServer::new(admin).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<MultiplierServiceServer<Multipliers>>().await;
    health.set_serving::<SpendServiceServer<Intake>>().await;
    health.set_serving::<AdminServiceServer<Admin>>().await;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let intake = Intake::new(partitions.clone(), size(ingest.batch_events_max.into()), tasks)
        .with_outcomes(config.shading.currency);
    let reports = intake.room();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("describing the services")?;
    let spend = SpendServiceServer::new(intake)
        .max_decoding_message_size(size(ingest.batch_bytes_max.get()));
    let tables =
        MultiplierServiceServer::new(multipliers).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let mut routes = Routes::new(health_service);
    routes = routes.add_service(reflection).add_service(spend).add_service(admin);
    let calls = routes.add_service(tables).into_axum_router();
    let has_authority = config.server.tls_client_authority_file.is_some();
    let mut server = server(has_authority.then_some((tls::AGE_MAX, AGE_GRACE)));
    let router = server.add_routes(door::guard_calls(calls, guard).into());
    let served = match tls {
        None => {
            let (incoming, accepting) =
                lines::accept(listener, ROOM, |one| std::future::ready(Ok(one)), stop.clone());
            tasks.spawn(accepting);
            serve_lines(router, incoming, stop.clone(), tasks)
        }
        Some(tls) => {
            let agree = move |stream| tls.calls().accept(stream);
            let (incoming, accepting) = lines::accept(listener, ROOM, agree, stop.clone());
            tasks.spawn(accepting);
            serve_lines(router, incoming, stop.clone(), tasks)
        }
    };
    Ok(Rpc { address, streams, stop, reports, served })
}

/// How the port treats connections; with an age and a grace, they are cut after both.
fn server(age_max: Option<(Duration, Duration)>) -> Server {
    let server = Server::builder()
        .http2_keepalive_interval(Some(QUIET_MAX))
        .http2_keepalive_timeout(Some(SIGN_OF_LIFE_MAX));
    match age_max {
        None => server,
        Some((age, grace)) => server.max_connection_age(age).max_connection_age_grace(grace),
    }
}

fn serve_lines<S>(
    router: Router,
    incoming: Lines<S>,
    until: CancellationToken,
    tasks: &TaskTracker,
) -> JoinHandle<Result<(), tonic::transport::Error>>
where
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    tasks.spawn(async move {
        let incoming = ReceiverStream::new(incoming);
        router.serve_with_incoming_shutdown(incoming, until.cancelled_owned()).await
    })
}

impl Rpc {
    /// Takes no new calls and no new reports, and waits for the reports in hand; streams go on.
    pub(super) async fn stop_intake(&self) {
        self.stop.cancel();
        self.reports.close().await;
    }

    /// Ends the streams and waits for the port to close.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.streams.cancel();
        self.served.await.context("the RPC port ended in a panic")?.context("the RPC port failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    /// Whether a connection that only says hello ends within `patience`, on a port with this age.
    async fn ends(age_max: Option<(Duration, Duration)>, patience: Duration) -> bool {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let agree = |one| std::future::ready(Ok(one));
        let (incoming, accepting) = lines::accept(listener, ROOM, agree, stop.clone());
        tasks.spawn(accepting);
        let (_, health) = tonic_health::server::health_reporter();
        let router = server(age_max).add_routes(Routes::new(health));
        let served = serve_lines(router, incoming, stop.clone(), &tasks);
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The preface, and settings that change nothing.
        let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(hello).await.unwrap();
        let to_its_end = async { while let Ok(1..) = stream.read(&mut [0; 64]).await {} };
        let has_ended = tokio::time::timeout(patience, to_its_end).await.is_ok();
        drop(stream);
        stop.cancel();
        served.await.unwrap().unwrap();
        has_ended
    }

    #[tokio::test]
    async fn a_connection_is_cut_when_it_is_as_old_as_it_may_be_and_its_grace_is_over() {
        let age = Duration::from_millis(100);
        assert!(ends(Some((age, age)), Duration::from_secs(20)).await);
        assert!(!ends(Some((age, age * 1_000)), age * 3).await, "calls have their grace");
        assert!(!ends(None, age * 3).await);
    }
}
