//! Who may speak for a bidder: one stream at a time.

use crate::harness::{Setup, until};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use paceline_proto::v1::watch_multipliers_request::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

pub(crate) type Requests = mpsc::Sender<v1::WatchMultipliersRequest>;

/// A stream of a bidder that holds nothing.
pub(crate) async fn watch(
    channel: Channel,
    id: &str,
) -> (Requests, Streaming<v1::WatchMultipliersResponse>) {
    try_watch(channel, id).await.unwrap()
}

/// The same, unless it is refused.
pub(crate) async fn try_watch(
    channel: Channel,
    id: &str,
) -> Result<(Requests, Streaming<v1::WatchMultipliersResponse>), Status> {
    let hello = v1::WatchHello { bidder_id: Some(id.to_owned()), ..v1::WatchHello::default() };
    let (requests, sent) = mpsc::channel(8);
    let message = Some(Message::Hello(hello));
    requests.send(v1::WatchMultipliersRequest { message }).await.unwrap();
    let mut client = MultiplierServiceClient::new(channel);
    let answer = client.watch_multipliers(ReceiverStream::new(sent)).await?;
    Ok((requests, answer.into_inner()))
}

#[tokio::test]
async fn a_second_stream_of_a_bidder_ends_the_first() {
    let service = Setup::embedded().start().await;
    let (_first_requests, mut first) = watch(service.channel(), "bidder.1").await;
    assert!(first.message().await.unwrap().is_some(), "a table");
    let (_other_requests, mut other) = watch(service.channel(), "bidder.2").await;
    let (_second_requests, mut second) = watch(service.channel(), "bidder.1").await;
    assert!(second.message().await.unwrap().is_some(), "a table");
    let ended = until("the first stream ends", async || first.message().await.err()).await;
    assert_eq!(ended.code(), Code::Aborted);
    assert_eq!(ended.message(), "another stream began with this bidder_id");
    for stream in [&mut other, &mut second] {
        assert!(stream.message().await.unwrap().is_some(), "the others go on");
    }
}
