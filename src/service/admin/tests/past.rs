//! The past, asked of a loop that wrote it down.

use super::*;
use crate::control_loop::Ending;

impl Bench {
    async fn written_down(&self) {
        for handle in self.admin.partitions.all() {
            handle.end(Ending::Checkpoint).await.unwrap();
        }
    }

    async fn past(
        &self,
        request: v1::ExplainPastRequest,
    ) -> Result<v1::ExplainPastResponse, Status> {
        self.admin.explain_past(Request::new(request)).await.map(Response::into_inner)
    }
}

fn at(now: Timestamp) -> Option<prost_types::Timestamp> {
    Some(wire::instant_message(now))
}

fn asked() -> v1::ExplainPastRequest {
    let campaign_id = "north-search".to_owned();
    v1::ExplainPastRequest { campaign_id, ..v1::ExplainPastRequest::default() }
}

#[tokio::test]
async fn a_past_moment_and_a_period_are_told_as_they_were_explained() {
    let bench = Bench::with_example().await;
    let begun = bench.clock.now();
    let mut explained = Vec::new();
    for round in 0..24 {
        if round == 9 {
            let pause = Request::new(bench.pause("north-search"));
            bench.admin.set_override(pause).await.unwrap();
        }
        explained.push(bench.explain("north-search").await);
    }
    bench.written_down().await;
    let mut found = 0;
    for told in &explained {
        let past = bench.past(v1::ExplainPastRequest { at: told.as_of, ..asked() }).await.unwrap();
        assert_eq!(past.currency, told.currency);
        let moment = past.moment.unwrap();
        if moment.as_of != told.as_of {
            continue;
        }
        found += 1;
        assert_eq!(
            (moment.state, moment.multiplier_ppm, moment.participation_ppm),
            (told.state, told.multiplier_ppm, told.participation_ppm)
        );
        assert_eq!(
            (moment.generation, moment.reason),
            (told.generation, told.reasons.first().cloned())
        );
        assert_eq!(moment.binding_owner, told.binding_owner);
        assert_eq!(moment.binding_horizon, told.binding_horizon);
        let plan = told.owners[0].plan.map(|plan| (plan.planned_nanos, plan.expected_spend_nanos));
        let past = moment.plan.map(|plan| (plan.planned_nanos, plan.expected_spend_nanos));
        assert_eq!(past, plan);
        let hands: Vec<_> = told.overrides.iter().map(|hand| hand.override_id.clone()).collect();
        assert_eq!(moment.hand.map(|hand| hand.override_id).into_iter().collect::<Vec<_>>(), hands);
    }
    // While it was paused nothing changed: one row stands for all of that.
    assert!(found >= 2, "rounds that were kept: {found}");
    let request = v1::ExplainPastRequest { from: at(begun), until: explained[23].as_of, ..asked() };
    let period = bench.past(request).await.unwrap().period.unwrap();
    assert_eq!(period.shares[0].reason.as_ref().unwrap().code, "paused", "{period:#?}");
    assert!(period.shares.iter().map(|share| share.share_ppm).sum::<u32>() >= 999_990);
    let deeds: Vec<_> = period.changes.iter().map(wire::audit::deed).collect();
    assert!(deeds.contains(&"laid on".to_owned()), "{deeds:?}");
    assert!(period.changes.iter().all(|change| change.after_json.is_none()));
}

#[tokio::test]
async fn a_question_about_the_past_that_makes_no_sense_is_refused_by_field_value_and_rule() {
    let bench = Bench::with_example().await;
    bench.explain("north-search").await;
    let now = bench.clock.now();
    let refused = async |request| bench.past(request).await.unwrap_err();
    let told = refused(v1::ExplainPastRequest { at: at(now), ..asked() }).await;
    assert_eq!(told.code(), Code::InvalidArgument);
    assert!(told.message().contains("nothing is kept of this campaign yet"), "{told}");
    bench.written_down().await;
    let cases = [
        (asked(), "at", "must be stated, or from"),
        (
            v1::ExplainPastRequest { at: at(now), from: at(now), ..asked() },
            "at",
            "ask for a moment or a period",
        ),
        (
            v1::ExplainPastRequest { at: at(now + Span::HOUR), ..asked() },
            "at",
            "must not be after now",
        ),
        (
            v1::ExplainPastRequest { at: at(now - Span::DAY), ..asked() },
            "at",
            "the earliest that is kept of this campaign",
        ),
        (
            v1::ExplainPastRequest { from: at(now), until: at(now - Span::DAY), ..asked() },
            "until",
            "must be after from",
        ),
    ];
    for (request, field, rule) in cases {
        let told = refused(request).await;
        assert_eq!(told.code(), Code::InvalidArgument, "{told}");
        assert!(told.message().contains(field) && told.message().contains(rule), "{told}");
    }
    let unknown = v1::ExplainPastRequest { campaign_id: "nobody".to_owned(), ..asked() };
    let told = refused(v1::ExplainPastRequest { at: at(now), ..unknown }).await;
    assert_eq!(told.code(), Code::NotFound);
}
