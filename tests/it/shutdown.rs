//! Stopping: by stages, each visible and each with a deadline; a second signal ends it at once.

use crate::harness::{DEADLINE, Service, Setup, StoreArm, on_each_store, until};
use crate::proxy::{Line, Proxy};
use paceline_proto::v1;

/// The stages that the log tells, in order.
fn stages(service: &Service) -> Vec<String> {
    let told = service.log().into_iter().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(&line).ok()?;
        let is_stage = line["message"] == "stopping";
        is_stage.then(|| line["stage"].as_str().unwrap_or_default().to_owned())
    });
    told.collect()
}

/// Waits until `/readyz` says that it is in this stage.
async fn in_stage(service: &Service, stage: &str) {
    let told = format!("stage: {stage}");
    until(&told, async || {
        let (status, page) = service.get("/readyz").await?;
        (status == 503 && page.contains(&told)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_goes_through_every_stage_in_order_and_hands_the_lead_over() {
    on_each_store(async |setup| {
        let mut service = setup.with("shutdown.not_ready_wait", "1s").start().await;
        service.signal("TERM");
        in_stage(&service, "not_ready").await;
        let status = until("it has ended", async || service.ended()).await;
        assert!(status.success(), "{}", service.log().join("\n"));
        let expected = [
            "not_ready",
            "stop_intake",
            "drain_inbox",
            "last_tick",
            "checkpoint",
            "resign_lead",
            "close_streams",
        ];
        assert_eq!(stages(&service), expected);
        if let Some(server) = service.redis() {
            assert_eq!(server.say::<u64>(&["EXISTS", "{paceline:000}:lead"]).await, 0);
            assert_eq!(server.say::<u64>(&["EXISTS", "{paceline:000}:checkpoint"]).await, 1);
        }
        service.restart().await;
        let status = service.admin().get_status(v1::GetStatusRequest {}).await.unwrap();
        assert_eq!(status.into_inner().partitions[0].role, v1::PartitionRole::Leading as i32);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let mut service = Setup::embedded().with("shutdown.not_ready_wait", "60s").start().await;
    service.signal("TERM");
    in_stage(&service, "not_ready").await;
    service.signal("INT");
    let status = until("it has ended", async || service.ended()).await;
    assert_eq!(status.code(), Some(1));
    assert_eq!(stages(&service), ["not_ready"]);
    let log = service.log().join("\n");
    assert!(log.contains("cut short by a second signal"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_cannot_do_its_work_is_named_and_the_rest_has_its_turn() {
    let Some(setup) = Setup::of(StoreArm::Redis).await else { return };
    let target = setup.redis().unwrap().url();
    let line = Proxy::start(target.strip_prefix("redis://").unwrap().parse().unwrap()).await;
    let mut service = setup
        .with("store.redis_url", &format!("redis://{}", line.address()))
        .with("store.command_timeout", "500ms")
        .with("shutdown.drain_inbox_deadline", "1s")
        .with("shutdown.last_tick_deadline", "1s")
        .with("shutdown.checkpoint_deadline", "1s")
        .with("shutdown.resign_lead_deadline", "1s")
        .start()
        .await;
    line.set(Line::Cut);
    service.signal("TERM");
    let ended = tokio::time::timeout(DEADLINE / 2, async {
        until("it has ended", async || service.ended()).await
    });
    assert_eq!(ended.await.expect("deadlines hold").code(), Some(1));
    let told = stages(&service);
    assert_eq!(told.last().map(String::as_str), Some("close_streams"), "{told:?}");
    let log = service.log().join("\n");
    assert!(log.contains("stage of stopping failed"), "{log}");
}
