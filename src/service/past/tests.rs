//! Which rows answer a question, and what is said where none does.

use super::*;
use crate::store::{EmbeddedStore, LeadAnswer, LeadClaim};
use paceline_core::diagnosis::CauseKind;
use paceline_core::past::record::Recorder;
use paceline_core::past::{PlanStanding, Row, Standing, Stretch, Within};
use paceline_core::report::Reason;
use paceline_core::table::EntryState;
use paceline_core::units::{
    Epoch, Generation, Nanos, PacingMultiplier, ParticipationRate, Ppm, Span,
};

/// 1 December 2026, 12:00 UTC.
const NOON: i64 = 1_796_126_400_000_000;
const PARTITION: PartitionId = PartitionId(0);

fn noon() -> Timestamp {
    Timestamp::from_micros(NOON)
}

fn campaign() -> CampaignId {
    CampaignId::of("c")
}

/// It spends a unit a minute and plans two.
fn standing(at: Timestamp, began: Timestamp, reason: Reason) -> Standing {
    let minutes = (at - began).as_micros() / 60_000_000;
    Standing {
        at,
        generation: Generation::default(),
        state: EntryState::Run,
        multiplier: PacingMultiplier::clamped(0.5, PacingMultiplier::ONE),
        participation: ParticipationRate::clamped(1.0),
        reason,
        binding: None,
        tight: None,
        brake: Ppm::ONE,
        hand: None,
        plan: Some(PlanStanding {
            made_at: began,
            stepped_to: at,
            planned: Nanos::from_units(2 * minutes),
            measured: Nanos::from_units(minutes),
            rate: Nanos::from_units(2),
        }),
        drawn: Nanos::from_units(minutes),
    }
}

/// A store in which a campaign ran from one moment to another, but for a gap, with its rounds
/// written down.
async fn kept(from: Timestamp, until: Timestamp, gap: (Timestamp, Timestamp)) -> Store {
    let store = Store::from(EmbeddedStore::in_memory(1).unwrap());
    let claim = LeadClaim { holder: "a".to_owned(), span: Span::DAY, above: Epoch(0), now: noon() };
    let LeadAnswer::Ours(lease) = store.acquire_lead(PARTITION, &claim).await.unwrap() else {
        panic!("nobody else leads")
    };
    let mut recorder = Recorder::default();
    let mut at = from;
    while at <= until {
        if at < gap.0 || at >= gap.1 {
            let told = standing(at, from, Reason::Law);
            recorder.note(told.at, std::iter::once((campaign(), told)), |_| None);
        }
        at += Span::from_secs(20);
    }
    let stretches = recorder.hand_over().iter().filter_map(stored).collect();
    store.keep_past(PARTITION, lease.epoch, stretches).await.unwrap();
    store
}

fn past(store: &Store, now: Timestamp) -> Past<'_> {
    Past { store, partition: PARTITION, campaign: campaign(), now }
}

fn never() -> (Timestamp, Timestamp) {
    (Timestamp::MAX, Timestamp::MAX)
}

fn refusal(told: &Untold) -> (&'static str, String) {
    match told {
        Untold::Refused { field, rule, .. } => (field, rule.clone()),
        Untold::Store(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn minutes_answer_for_two_days_and_hours_before_that() {
    let now = noon();
    let from = now - Span::DAY.times(3);
    let store = kept(from, now, never()).await;
    let past = past(&store, now);
    let late = past.at(now - Span::HOUR - Span::from_secs(10)).await.unwrap();
    assert_eq!(late.grain, Grain::Minute);
    assert_eq!(late.row.standing.at, now - Span::HOUR - Span::MINUTE);
    let early = past.at(from + Span::from_mins(90)).await.unwrap();
    assert_eq!((early.grain, early.row.standing.at), (Grain::Hour, from + Span::HOUR));
    // A period that begins where hours alone are kept goes on by minutes.
    let period = past.over(from + Span::HOUR, now - Span::MINUTE).await.unwrap();
    assert_eq!(period.grain, Grain::Hour);
    assert_eq!(period.period.until, now - Span::MINUTE);
    let minutes = 71 * 60 - 1;
    assert_eq!(period.period.within.planned, Nanos::from_units(2 * minutes));
    assert_eq!(period.period.within.spent, Nanos::from_units(minutes));
    assert_eq!(period.period.within.reasons, [(Reason::Law, Span::from_mins(minutes))]);
    let period = past.over(now - Span::HOUR, now).await.unwrap();
    assert_eq!((period.grain, period.period.within.silent), (Grain::Minute, Span::ZERO));
}

#[tokio::test]
async fn what_is_not_kept_is_refused_with_what_is() {
    let now = noon();
    let from = now - Span::HOUR.times(5);
    let gap = (now - Span::HOUR.times(3), now - Span::HOUR.times(2));
    let store = kept(from, now - Span::HOUR, gap).await;
    let past = past(&store, now);
    let told = |told: Result<Moment, Untold>| refusal(&told.unwrap_err());
    let (field, rule) = told(past.at(from - Span::HOUR).await);
    assert_eq!(field, "at");
    assert_eq!(
        rule,
        "must be 2026-12-01T07:00:00Z or later: the earliest that is kept of this campaign"
    );
    let (_, rule) = told(past.at(now + Span::MINUTE).await);
    assert_eq!(rule, "must not be after now, 2026-12-01T12:00:00Z");
    let (_, rule) = told(past.at(now - Span::from_mins(20)).await);
    assert!(rule.starts_with("must be 2026-12-01T11:00:00Z or earlier"), "{rule}");
    let (_, rule) = told(past.at(now - Span::from_mins(150)).await);
    assert!(rule.contains("nobody decided then"), "{rule}");
    // A period over the gap says how long nobody decided.
    let over = past.over(now - Span::HOUR.times(4), now - Span::from_mins(90)).await.unwrap();
    let silent = over.period.within.silent;
    assert!(silent >= Span::HOUR && silent <= Span::HOUR + Span::MINUTE, "{silent:?}");
    let told = |told: Result<Told, Untold>| refusal(&told.unwrap_err());
    let early = past.over(from - Span::HOUR, now - Span::HOUR).await;
    let (field, rule) = told(early);
    assert!(field == "from" && rule.contains("the earliest that is kept"), "{field} {rule}");
    let (field, rule) = told(past.over(now, now - Span::HOUR).await);
    assert_eq!((field, rule.as_str()), ("until", "must be after from"));
    let (field, rule) = told(past.over(now - Span::DAY.times(91), now).await);
    assert!(field == "from" && rule.contains("90 days"), "{field} {rule}");
    let other = Past { campaign: CampaignId::of("new"), ..past };
    let (_, rule) = refusal(&other.at(now - Span::HOUR).await.unwrap_err());
    assert!(rule.starts_with("nothing is kept of this campaign yet"), "{rule}");
}

#[test]
fn rows_of_another_version_are_as_if_they_were_not_kept() {
    let mut recorder = Recorder::default();
    let told = standing(noon(), noon(), Reason::Law);
    recorder.note(told.at, std::iter::once((campaign(), told)), |_| None);
    let handed = recorder.hand_over();
    let mut bytes = stored(&handed[0]).unwrap().bytes;
    assert_eq!(read(&bytes).as_ref(), Some(&handed[0].1));
    bytes[0] = VERSION + 1;
    assert_eq!(read(&bytes), None);
    assert_eq!(read(&[]), None);
}

#[test]
fn the_fullest_stretch_fits_its_bound() {
    let mut recorder = Recorder::default();
    let causes = CauseKind::ALL;
    let reasons = [
        Reason::Law,
        Reason::Minimum,
        Reason::Returns,
        Reason::Unbounded,
        Reason::Brake,
        Reason::Breaker,
        Reason::Paused,
        Reason::Frozen,
        Reason::Fixed,
        Reason::Capped,
        Reason::Exhausted,
        Reason::OutsideFlight,
        Reason::OutsideHours,
        Reason::Blind,
        Reason::CounterFault,
        Reason::Quarantined,
    ];
    // Every round another reason, every minute another cause, for two days.
    for round in 0..2 * 1_440 * 60 / 3_usize {
        let at = noon() + Span::from_secs(3).times(i64::try_from(round).unwrap());
        let told = standing(at, noon() - Span::DAY.times(400), reasons[round % reasons.len()]);
        let cause = causes[round / 20 % causes.len()];
        recorder.note(told.at, std::iter::once((campaign(), told)), |_| Some(cause));
    }
    let handed = recorder.hand_over();
    let most = handed.iter().map(|one| stored(one).unwrap().bytes.len()).max().unwrap();
    assert!(most < STRETCH_BYTES_MAX / 2, "{most}");
    for ((grain, ..), stretch) in &handed {
        let rows = grain.stretch().as_micros() / grain.step().as_micros();
        assert!(stretch.rows.len() <= usize::try_from(rows).unwrap(), "{grain:?}");
    }
}

#[test]
fn questions_are_answered_four_at_a_time() {
    let questions = Questions::new();
    let places: Vec<_> = (0..4).map(|_| questions.place().unwrap()).collect();
    assert!(questions.place().is_none());
    drop(places);
    assert!(questions.place().is_some());
}

#[test]
fn the_past_of_a_busy_campaign_takes_two_thirds_of_a_megabyte() {
    let mut recorder = Recorder::default();
    let (began, mut bytes) = (noon() - Span::HOUR.times(7), [0_usize; 2]);
    // Two days of rounds of ten seconds, none like the one before.
    for round in 0..2 * 8_640_i64 {
        let at = noon() + Span::from_secs(10).times(round);
        let wobble = u32::try_from(round % 977).unwrap();
        let amount = |nanos: i64| Nanos::new(nanos * (round + 2_520));
        let told = Standing {
            multiplier: PacingMultiplier::try_new(Ppm::new(400_000 + 100 * wobble)).unwrap(),
            generation: Generation { epoch: Epoch(7), sequence: round.unsigned_abs() },
            binding: Some(paceline_core::budget::BudgetOwner::Campaign(campaign())),
            plan: Some(PlanStanding {
                made_at: began,
                stepped_to: at,
                planned: amount(123_456_789),
                measured: amount(121_456_789),
                rate: Nanos::new(740_740_740),
            }),
            drawn: amount(121_456_789),
            ..standing(at, at, Reason::Law)
        };
        let cause = Some(CauseKind::OnPlan);
        recorder.note(told.at, std::iter::once((campaign(), told)), |_| cause);
    }
    for one in recorder.hand_over() {
        bytes[usize::from(one.0.0 == Grain::Hour)] += stored(&one).unwrap().bytes.len();
    }
    let [minutes, hours] = bytes;
    // Hours are kept for forty-five times as long.
    let all = minutes + 45 * hours;
    eprintln!("minutes {minutes}, hours {}, in all {all}", 45 * hours);
    assert!(minutes < 370_000 && all < 667_000, "{minutes} {hours}");
}

/// Rows are read for ninety days, by builds that did not write them.
#[test]
fn a_stored_stretch_is_the_bytes_it_ever_was() {
    let standing = standing(noon(), noon(), Reason::Quarantined);
    let mut within = Within::new(noon());
    within.reasons.push((Reason::Quarantined, Span::MINUTE));
    within.costs.push((CauseKind::Quarantined, Nanos::from_units(1)));
    let row = Row { standing, cause: Some(CauseKind::Quarantined), within };
    let stretch = Stretch { through: noon(), rows: vec![row] };
    let kept = stored(&((Grain::Minute, noon(), campaign()), stretch.clone())).unwrap();
    assert_eq!(read(&kept.bytes), Some(stretch));
    let told: String = kept.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let agreed = "0180c0d9c0a8e4b0060180c0d9c0a8e4b006000000a0c21ec0843d0f0000c0843d000180c0d9c0a8\
                e4b00680c0d9c0a8e4b006000080d0acf30e00010d80c0d9c0a8e4b00600000000010f809c9c3900\
                010d80a8d6b907";
    assert_eq!(told, agreed, "other bytes want another VERSION of rows");
}
