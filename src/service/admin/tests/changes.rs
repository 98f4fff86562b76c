//! What people change, through the service: told once, on the generation that was read, and back.

use super::*;
use crate::audit::{Sealed, check};
use crate::auth::{Caller, Role};

impl Bench {
    async fn catalogue(&self) -> v1::GetCatalogueResponse {
        let request = v1::GetCatalogueRequest { page_size: 1_000, ..Default::default() };
        self.admin.get_catalogue(Request::new(request)).await.unwrap().into_inner()
    }

    async fn changes(&self, request: v1::ListAuditRequest) -> v1::ListAuditResponse {
        self.admin.list_audit(Request::new(request)).await.unwrap().into_inner()
    }

    async fn newest(&self) -> v1::AuditRecord {
        let request = v1::ListAuditRequest { page_size: 1, ..Default::default() };
        self.changes(request).await.records.remove(0)
    }

    /// The search campaign with another budget.
    async fn with_budget(&self, micros: i64) -> v1::ApplyCatalogueRequest {
        let held = self.catalogue().await.campaigns;
        let mut campaign =
            held.into_iter().find(|campaign| campaign.campaign_id == "north-search").unwrap();
        campaign.budgets.as_mut().unwrap().flights[0].budget_micros = Some(micros);
        v1::ApplyCatalogueRequest {
            campaigns: vec![campaign],
            reason: "more money".to_owned(),
            request_id: "apply-1".to_owned(),
            ..Default::default()
        }
    }

    async fn undo(
        &self,
        record: &v1::AuditRecord,
        spoil: impl FnOnce(&mut v1::UndoChangeRequest),
    ) -> Result<v1::UndoChangeResponse, Status> {
        let mut request = v1::UndoChangeRequest {
            partition: record.partition,
            number: record.number,
            reason: "a slip".to_owned(),
            request_id: "undo-1".to_owned(),
            ..Default::default()
        };
        spoil(&mut request);
        self.admin.undo_change(Request::new(request)).await.map(Response::into_inner)
    }
}

fn expect(campaign: &str, generation: u64) -> v1::ObjectGeneration {
    let object = v1::object_ref::Object::CampaignId(campaign.to_owned());
    v1::ObjectGeneration { object: Some(v1::ObjectRef { object: Some(object) }), generation }
}

#[tokio::test]
async fn what_is_configured_is_told_as_it_would_be_applied() {
    let bench = Bench::with_example().await;
    let held = bench.catalogue().await;
    assert_eq!(held.generations.len(), 5);
    assert!(held.generations.iter().all(|one| one.generation == 1));
    let request = v1::ApplyCatalogueRequest {
        shapes: held.shapes.clone(),
        advertisers: held.advertisers.clone(),
        groups: held.groups.clone(),
        campaigns: held.campaigns.clone(),
        ..Default::default()
    };
    let told = bench.apply(request).await;
    assert_eq!((told.complaints, told.changed), (vec![], 0), "it says what is there");
    // A page at a time comes to the same.
    let (mut token, mut ids) = (String::new(), Vec::new());
    loop {
        let request = v1::GetCatalogueRequest {
            page_size: 2,
            page_token: token,
            ..v1::GetCatalogueRequest::default()
        };
        let page = bench.admin.get_catalogue(Request::new(request)).await.unwrap().into_inner();
        ids.extend(page.campaigns.into_iter().map(|campaign| campaign.campaign_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(ids, ["north-brand-holiday", "north-search"]);
}

#[tokio::test]
async fn a_write_on_an_old_generation_changes_nothing_and_a_retry_is_no_conflict() {
    let bench = Bench::with_example().await;
    let first = bench.with_budget(1_000_000).await;
    let first = v1::ApplyCatalogueRequest { expected: vec![expect("north-search", 1)], ..first };
    assert_eq!(bench.apply(first.clone()).await.changed, 1);
    let again = bench.apply(first).await;
    assert_eq!((again.complaints, again.changed), (vec![], 0), "it is as it was asked for");
    let late = bench.with_budget(2_000_000).await;
    let late = v1::ApplyCatalogueRequest { expected: vec![expect("north-search", 1)], ..late };
    let told = bench.apply(late.clone()).await;
    assert_eq!(told.changed, 0);
    let fault = &told.complaints[0];
    assert_eq!((fault.path.as_str(), fault.value.as_str()), ("expected[0].generation", "1"));
    assert!(fault.rule.starts_with("must be 2, its generation now"), "{fault:?}");
    let read = v1::ApplyCatalogueRequest { expected: vec![expect("north-search", 2)], ..late };
    assert_eq!(bench.apply(read).await.changed, 1);
}

#[tokio::test]
async fn every_change_is_told_once_with_who_why_and_what() {
    let bench = Bench::with_example().await;
    let all = v1::ListAuditRequest { page_size: 1_000, ..Default::default() };
    // A shape lives in both partitions; advertiser, group and campaigns in one.
    assert_eq!(bench.changes(all.clone()).await.records.len(), 6);
    bench.apply(bench.with_budget(5_000_000).await).await;
    let record = bench.newest().await;
    assert_eq!((record.reason.as_str(), record.request_id.as_str()), ("more money", "apply-1"));
    let object = (record.object_kind.as_str(), record.object_id.as_str());
    assert_eq!(object, ("campaign", "north-search"));
    assert_eq!((record.change(), record.generation), (v1::AuditChange::Edited, 2));
    let request = bench.pause("north-search");
    for _ in 0..2 {
        bench.admin.set_override(Request::new(request.clone())).await.unwrap();
    }
    let told = bench.changes(all.clone()).await.records;
    assert_eq!(told.len(), 8, "a retry leaves no record");
    assert_eq!((told[0].change(), told[0].author.as_str()), (v1::AuditChange::LaidOn, "rpc"));
    let only = v1::ListAuditRequest {
        object_kind: "campaign".to_owned(),
        object_id: "north-search".to_owned(),
        ..all.clone()
    };
    assert_eq!(bench.changes(only).await.records.len(), 3, "made, edited, laid on");
    let nobody = v1::ListAuditRequest { author: "nobody".to_owned(), ..all };
    assert_eq!(bench.changes(nobody).await.records, []);
}

#[tokio::test]
async fn the_trail_is_told_a_page_at_a_time_with_seals_that_hold() {
    let bench = Bench::with_example().await;
    for micros in 1..8 {
        bench.apply(bench.with_budget(micros * 1_000_000).await).await;
    }
    for is_oldest_first in [true, false] {
        let (mut token, mut records) = (String::new(), Vec::new());
        let trails = loop {
            let request = v1::ListAuditRequest {
                page_size: 2,
                page_token: token,
                is_oldest_first,
                ..Default::default()
            };
            let told = bench.changes(request).await;
            records.extend(told.records);
            token = told.next_page_token;
            if token.is_empty() {
                break told.trails;
            }
        };
        assert_eq!(records.len(), 13);
        for trail in trails {
            let own = records.iter().filter(|record| record.partition == trail.partition);
            let mut own: Vec<Sealed> =
                own.map(|record| wire::audit::record(record).unwrap()).collect();
            own.sort_by_key(|sealed| sealed.record.number);
            let before = wire::audit::seal("before_seal", &trail.before_seal).unwrap();
            assert_eq!(check(before, trail.first, &own), Ok(()));
            assert_eq!(own.last().unwrap().seal.to_string(), trail.head_seal);
        }
    }
}

#[tokio::test]
async fn an_undo_is_shown_first_and_brings_the_campaign_back_exactly() {
    let bench = Bench::with_example().await;
    let before = bench.catalogue().await;
    bench.apply(bench.with_budget(5_000_000).await).await;
    let edit = bench.newest().await;
    let shown = bench.undo(&edit, |request| request.is_check_only = true).await.unwrap();
    assert_eq!((&shown.before_json, &shown.after_json), (&edit.after_json, &edit.before_json));
    assert_eq!((shown.made, bench.newest().await), (None, edit.clone()), "it was only shown");
    let told = bench.undo(&edit, |_| {}).await.unwrap();
    let made = told.made.unwrap();
    assert_eq!((made.undoes, made.reason.as_str()), (Some(edit.number), "a slip"));
    assert_eq!(bench.newest().await, made);
    assert_eq!(bench.catalogue().await.campaigns, before.campaigns);
    let again = bench.undo(&edit, |_| {}).await.unwrap();
    assert_eq!(again.made, Some(made), "the same request is the same undoing");
    let other = bench.undo(&edit, |request| request.request_id = "undo-2".to_owned()).await;
    let status = other.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().ends_with("is as it was before already"), "{status}");
}

#[tokio::test]
async fn an_undo_does_not_go_over_what_came_later_unless_told() {
    let bench = Bench::with_example().await;
    bench.apply(bench.with_budget(5_000_000).await).await;
    let edit = bench.newest().await;
    bench.apply(bench.with_budget(6_000_000).await).await;
    let status = bench.undo(&edit, |_| {}).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("has changed since"), "{status}");
    bench.undo(&edit, |request| request.is_forced = true).await.unwrap();
    let none = bench.undo(&v1::AuditRecord { number: 99, ..edit }, |_| {}).await.unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
}

#[tokio::test]
async fn a_hand_is_taken_off_and_laid_on_again_by_undoing() {
    let bench = Bench::with_example().await;
    bench.admin.set_override(Request::new(bench.pause("north-search"))).await.unwrap();
    let laid_on = bench.newest().await;
    let held = bench.explain("north-search").await.overrides;
    let off = bench.undo(&laid_on, |_| {}).await.unwrap().made.unwrap();
    let told = bench.explain("north-search").await;
    assert_eq!((told.overrides, told.state), (vec![], v1::EntryState::Run as i32));
    bench.undo(&off, |request| request.request_id = "undo-2".to_owned()).await.unwrap();
    assert_eq!(bench.explain("north-search").await.overrides, held, "the very same hand");
}

#[tokio::test]
async fn an_operator_undoes_hands_and_an_administrator_configuration() {
    let bench = Bench::with_example().await;
    bench.apply(bench.with_budget(5_000_000).await).await;
    let edit = bench.newest().await;
    let ask = |role| {
        let mut request = Request::new(v1::UndoChangeRequest {
            partition: edit.partition,
            number: edit.number,
            reason: "a slip".to_owned(),
            request_id: "undo-1".to_owned(),
            ..Default::default()
        });
        request.extensions_mut().insert(Caller { name: "anna".into(), role });
        bench.admin.undo_change(request)
    };
    let status = ask(Role::Operator).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.message(), "anna has the role operator, which may not enter campaigns");
    let made = ask(Role::Admin).await.unwrap().into_inner().made.unwrap();
    assert_eq!(made.author, "anna");
}

#[tokio::test]
async fn a_shape_is_taken_back_in_every_partition() {
    let bench = Bench::with_example().await;
    let request = v1::PutShapeRequest {
        shape_id: "web".to_owned(),
        weights: vec![7; 168],
        ..Default::default()
    };
    bench.admin.put_shape(Request::new(request)).await.unwrap();
    bench.undo(&bench.newest().await, |_| {}).await.unwrap();
    let id = paceline_core::units::ShapeId::of("web");
    let mut held = Vec::new();
    for handle in bench.admin.partitions.all() {
        held.push(handle.ask(move |engine| engine.shape_as_entered(id)).await.unwrap().unwrap());
    }
    assert_eq!(held[0], held[1]);
    assert_ne!(held[0].weights, vec![7; 168]);
}
