//! The life of the process: it starts on any port, comes back where it was killed, ends in order.

use crate::harness::on_each_store;
use paceline_proto::v1;

#[tokio::test]
async fn a_service_that_was_killed_comes_back_on_its_store_and_ends_in_order() {
    on_each_store(async |setup| {
        let mut service = setup.start().await;
        let (status, page) = service.get("/readyz").await.unwrap();
        assert_eq!((status, page.starts_with("ready: yes")), (200, true), "{page}");
        if let Some(server) = service.redis() {
            let keys: Vec<String> = server.say(&["KEYS", "{paceline:000}:*"]).await;
            assert!(!keys.is_empty(), "it keeps its state where it was told to");
        }
        service.kill();
        assert!(service.get("/readyz").await.is_none(), "nobody listens");
        service.restart().await;
        let asked = service.admin().get_status(v1::GetStatusRequest {}).await;
        let status = asked.unwrap().into_inner();
        assert_eq!(status.partitions[0].role, v1::PartitionRole::Leading as i32);
        let generation = status.partitions[0].generation.unwrap();
        assert!(generation.epoch >= 2, "a new life is a new term: {generation:?}");
        assert!(service.stop().await.success(), "{}", service.log().join("\n"));
    })
    .await;
}
