//! Hands, books and explanations to messages, and hands back.
//!
//! Reads an engine that it is lent for the time of one question; changes nothing. Called by the
//! admin service.

mod bid;
mod books;
mod explain;
mod past;
mod past_words;
mod preview;
mod saving;
mod warning;
mod why;

pub use bid::{BidQuestion, bid_message, bid_question, market, published};
pub use books::{Suspended, suspense_item, totals_message, verdict_counts};
pub use explain::{explanation_message, summary_message};
pub use past::{PastQuestion, past_question};
pub(crate) use past::{past_moment_message, past_period_message};
pub use past_words::{Fact, past_facts, past_tables};
pub use preview::{preview_message, preview_table};
pub use saving::{Saved, bid_groups, saving_message, saving_words};
pub use warning::{WARNINGS_MAX, warning_lines, warning_table, warnings};
pub use why::{CauseWords, causes, causes_in_words, evidence_words};

use super::{Refusal, bare_key, generation_message, instant, instant_message, key};
use paceline_core::budget::BudgetOwner;
use paceline_core::engine::Engine;
use paceline_core::input::{CounterAcceptance, Input, SuspenseChange};
use paceline_core::overrides::{Override, OverrideAction, REASON_BYTES_MAX};
use paceline_core::table::EntryState;
use paceline_core::units::{
    AdvertiserId, CampaignId, EventId, GroupId, OverrideId, PacingMultiplier, ParticipationRate,
    Ppm, Timestamp,
};
use paceline_proto::v1;
pub use paceline_proto::v1::{Cause, FeasibilityWarning as Warning};

/// `campaign spring`.
#[must_use]
pub fn owner_words(of: Option<&v1::BudgetOwner>) -> String {
    use v1::budget_owner::Owner;
    match of.and_then(|of| of.owner.as_ref()) {
        Some(Owner::CampaignId(id)) => format!("campaign {id}"),
        Some(Owner::GroupId(id)) => format!("group {id}"),
        Some(Owner::AdvertiserId(id)) => format!("advertiser {id}"),
        None => paceline_view::number::NONE.to_owned(),
    }
}

/// A count as it is told: never negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
fn rounded(count: f64) -> u64 {
    count.round() as u64
}

/// What an owner is called.
#[must_use]
pub fn owner_message(engine: &Engine, owner: BudgetOwner) -> v1::BudgetOwner {
    use v1::budget_owner::Owner;
    let or_key = |name: Option<String>, key: String| name.unwrap_or(key);
    let owner = match owner {
        BudgetOwner::Campaign(id) => {
            let name = engine.campaign(id).map(|spec| spec.name.to_string());
            Owner::CampaignId(or_key(name, id.to_string()))
        }
        BudgetOwner::Group(id) => {
            let name = engine.group(id).map(|spec| spec.name.to_string());
            Owner::GroupId(or_key(name, id.to_string()))
        }
        BudgetOwner::Advertiser(id) => {
            let name = engine.advertiser(id).map(|spec| spec.name.to_string());
            Owner::AdvertiserId(or_key(name, id.to_string()))
        }
    };
    v1::BudgetOwner { owner: Some(owner) }
}

/// Whom a message means.
///
/// # Errors
/// [`Refusal`] when it names nobody, or by no name.
pub fn owner(field: &str, message: Option<&v1::BudgetOwner>) -> Result<BudgetOwner, Refusal> {
    use v1::budget_owner::Owner;
    let named = message.and_then(|message| message.owner.as_ref());
    let owner = match named.ok_or_else(|| Refusal::absent(field))? {
        Owner::CampaignId(id) => key("campaign_id", id, CampaignId::of).map(BudgetOwner::Campaign),
        Owner::GroupId(id) => key("group_id", id, GroupId::of).map(BudgetOwner::Group),
        Owner::AdvertiserId(id) => {
            key("advertiser_id", id, AdvertiserId::of).map(BudgetOwner::Advertiser)
        }
    };
    owner.map_err(|refusal| refusal.within(field))
}

/// What to say of an owner whom nobody knows.
#[must_use]
pub fn unknown_owner(field: &str, message: Option<&v1::BudgetOwner>) -> Refusal {
    use v1::budget_owner::Owner;
    let (part, id) = match message.and_then(|message| message.owner.as_ref()) {
        Some(Owner::CampaignId(id)) => ("campaign_id", id.as_str()),
        Some(Owner::GroupId(id)) => ("group_id", id.as_str()),
        Some(Owner::AdvertiserId(id)) => ("advertiser_id", id.as_str()),
        None => return Refusal::absent(field),
    };
    Refusal::new(part, id, "must name one that is known here").within(field)
}

fn multiplier(field: &str, ppm: u32) -> Result<PacingMultiplier, Refusal> {
    PacingMultiplier::try_new(Ppm::new(ppm))
        .map_err(|_| Refusal::new(field, ppm, "must be at most 4000000"))
}

fn action(message: Option<&v1::OverrideAction>) -> Result<OverrideAction, Refusal> {
    use v1::override_action::Action;
    let action = message.and_then(|message| message.action.as_ref());
    Ok(match action.ok_or_else(|| Refusal::absent("action"))? {
        Action::Pause(_) => OverrideAction::Pause,
        Action::Freeze(_) => OverrideAction::Freeze,
        Action::Fix(fix) => {
            let field = "action.fix.participation_ppm";
            let rate = |ppm| {
                ParticipationRate::try_new(Ppm::new(ppm))
                    .map_err(|_| Refusal::new(field, ppm, "must be at most 1000000"))
            };
            OverrideAction::Fix {
                multiplier: multiplier("action.fix.multiplier_ppm", fix.multiplier_ppm)?,
                participation: fix.participation_ppm.map(rate).transpose()?,
            }
        }
        Action::Cap(cap) => OverrideAction::Cap {
            multiplier: multiplier("action.cap.multiplier_ppm", cap.multiplier_ppm)?,
        },
    })
}

/// A reason: 1 to 500 bytes.
///
/// # Errors
/// [`Refusal`] otherwise.
pub fn reason(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::absent("reason"));
    }
    if text.len() > REASON_BYTES_MAX {
        return Err(Refusal::new("reason", text, "must have at most 500 bytes"));
    }
    Ok(text.to_owned())
}

/// A hand, laid on `now` by `author`. Its id is the key of the request's: asked for twice, it is
/// the same hand.
///
/// # Errors
/// [`Refusal`] for the first field that breaks a rule.
pub fn hand(
    message: &v1::SetOverrideRequest,
    author: &str,
    now: Timestamp,
) -> Result<Override, Refusal> {
    let hand = Override {
        target: owner("target", message.target.as_ref())?,
        action: action(message.action.as_ref())?,
        reason: reason(&message.reason)?,
        expires_at: instant("expires_at", message.expires_at.as_ref())?,
        id: key("request_id", &message.request_id, OverrideId::of)?,
        author: author.to_owned(),
        set_at: now,
    };
    match hand.check().into_iter().next() {
        None => Ok(hand),
        Some(error) => {
            let value = match error.field.as_str() {
                "expires_at" => format!("{} µs since 1970", hand.expires_at.as_micros()),
                _ => String::new(),
            };
            Err(Refusal::new(error.field, value, error.rule))
        }
    }
}

/// The message of a hand.
#[must_use]
pub fn hand_message(engine: &Engine, hand: &Override) -> v1::Override {
    use v1::override_action::Action;
    let action = match hand.action {
        OverrideAction::Pause => Action::Pause(v1::OverridePause {}),
        OverrideAction::Freeze => Action::Freeze(v1::OverrideFreeze {}),
        OverrideAction::Fix { multiplier, participation } => Action::Fix(v1::OverrideFix {
            multiplier_ppm: multiplier.ppm().get(),
            participation_ppm: participation.map(|rate| rate.ppm().get()),
        }),
        OverrideAction::Cap { multiplier } => {
            Action::Cap(v1::OverrideCap { multiplier_ppm: multiplier.ppm().get() })
        }
    };
    v1::Override {
        override_id: hand.id.to_string(),
        target: Some(owner_message(engine, hand.target)),
        action: Some(v1::OverrideAction { action: Some(action) }),
        reason: hand.reason.clone(),
        author: hand.author.clone(),
        set_at: Some(instant_message(hand.set_at)),
        expires_at: Some(instant_message(hand.expires_at)),
    }
}

/// A hand's id as listed: sixteen hexadecimal digits.
///
/// # Errors
/// [`Refusal`] when it is absent or something else.
pub fn override_id(text: &str) -> Result<OverrideId, Refusal> {
    listed_key("override_id", text).map(OverrideId::from_key)
}

fn listed_key(field: &str, text: &str) -> Result<u64, Refusal> {
    if text.is_empty() {
        return Err(Refusal::absent(field));
    }
    let is_key = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bare = is_key.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    bare.ok_or_else(|| Refusal::new(field, text, "must be 16 hexadecimal digits, as listed"))
}

/// An event's key as listed: sixteen hexadecimal digits.
///
/// # Errors
/// [`Refusal`] when it is absent or something else.
pub fn event_key(text: &str) -> Result<u64, Refusal> {
    listed_key("event_key", text)
}

/// An operator's decision on money set aside.
pub type Resolution = v1::ResolveSuspenseRequest;

/// The event a decision is about, and the decision as an input.
///
/// # Errors
/// [`Refusal`] when it decides nothing.
pub fn resolution(message: &Resolution, author: String) -> Result<(EventId, Input), Refusal> {
    let event_id = bare_key("event_key", message.event_key, EventId::from_key)?;
    let reason = reason(&message.reason)?;
    let change = match v1::SuspenseDecision::try_from(message.decision) {
        Ok(v1::SuspenseDecision::Post) => SuspenseChange::Post { event_id, author, reason },
        Ok(v1::SuspenseDecision::Drop) => SuspenseChange::Drop { event_id, author, reason },
        Ok(v1::SuspenseDecision::Unspecified) => return Err(Refusal::absent("decision")),
        Err(_) => return Err(Refusal::new("decision", message.decision, "must be post or drop")),
    };
    Ok((event_id, Input::Suspense(change)))
}

/// An operator's decision on a counter that went back, as an input.
///
/// # Errors
/// [`Refusal`] when it names no campaign or no reason.
pub fn acceptance(message: &v1::AcceptCounterRequest, author: String) -> Result<Input, Refusal> {
    let campaign = campaign_key("campaign_id", &message.campaign_id)?;
    let reason = reason(&message.reason)?;
    Ok(Input::CounterAccept(CounterAcceptance { campaign, author, reason }))
}

/// A campaign's key.
///
/// # Errors
/// As [`key`].
pub fn campaign_key(field: &str, name: &str) -> Result<CampaignId, Refusal> {
    key(field, name, CampaignId::of)
}

/// Bidders told in one status: an answer of some tens of kilobytes.
const BIDDERS_TOLD_MAX: usize = 1_000;

/// What each bidder runs, those behind first and those that have left last.
fn bidder_list(engine: &Engine) -> Vec<v1::BidderStatus> {
    let mut bidders: Vec<_> = engine.bidder_overviews().collect();
    bidders.sort_by_key(|known| (known.has_left, known.runs, known.bidder));
    let told = bidders.into_iter().take(BIDDERS_TOLD_MAX).map(|known| v1::BidderStatus {
        bidder_key: known.bidder.key(),
        runs: known.runs.map(generation_message),
        heard_at: Some(instant_message(known.heard_at)),
        has_left: known.has_left,
    });
    told.collect()
}

/// How a partition fares, as its leader knows; the caller adds which it is.
#[must_use]
pub fn status_message(engine: &Engine) -> v1::PartitionStatus {
    let (bidders, live) = engine.bidders();
    let share = (live * 1_000_000).checked_div(bidders).unwrap_or_default();
    let at_risk = engine.outstanding().into_iter();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    v1::PartitionStatus {
        role: v1::PartitionRole::Leading as i32,
        generation: Some(generation_message(engine.table().generation)),
        as_of: Some(instant_message(engine.table().as_of)),
        watermark: engine.events_watermark().map(instant_message),
        entries: engine.table().entries.len() as u64,
        bidders: count(bidders),
        bidders_live_ppm: count(share),
        allowances_outstanding_nanos: at_risk
            .map(|(currency, sum)| (currency.to_string(), sum.get()))
            .collect(),
        bidder_list: bidder_list(engine),
        ..v1::PartitionStatus::default()
    }
}

/// The number that stands for a state.
#[must_use]
pub const fn state_number(state: EntryState) -> i32 {
    match state {
        EntryState::Run => v1::EntryState::Run as i32,
        EntryState::Paused => v1::EntryState::Paused as i32,
        EntryState::Exhausted => v1::EntryState::Exhausted as i32,
        EntryState::Safe => v1::EntryState::Safe as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::engine::EngineConfig;
    use paceline_core::units::Span;
    use proptest::prelude::*;

    fn request(action: v1::override_action::Action) -> v1::SetOverrideRequest {
        let target = v1::budget_owner::Owner::GroupId("g".to_owned());
        v1::SetOverrideRequest {
            target: Some(v1::BudgetOwner { owner: Some(target) }),
            action: Some(v1::OverrideAction { action: Some(action) }),
            reason: "a test".to_owned(),
            expires_at: Some(instant_message(Timestamp::MIN + Span::HOUR)),
            request_id: "r".to_owned(),
        }
    }

    #[test]
    fn a_hand_needs_reason_end_target_action_and_request() {
        use v1::override_action::Action;
        let sound = request(Action::Pause(v1::OverridePause {}));
        let refused = |spoil: fn(&mut v1::SetOverrideRequest)| {
            let mut message = sound.clone();
            spoil(&mut message);
            hand(&message, "us", Timestamp::MIN).unwrap_err().to_string()
        };
        assert_eq!(refused(|m| m.reason.clear()), "reason is absent and is required");
        assert_eq!(refused(|m| m.expires_at = None), "expires_at is absent and is required");
        assert_eq!(refused(|m| m.target = None), "target is absent and is required");
        assert_eq!(refused(|m| m.action = None), "action is absent and is required");
        assert_eq!(refused(|m| m.request_id.clear()), "request_id is absent and is required");
        let late = refused(|m| m.expires_at = Some(instant_message(Timestamp::MAX)));
        assert!(late.ends_with("and at most 90 days ahead"), "{late}");
    }

    #[test]
    fn an_override_id_is_read_as_it_is_listed() {
        let id = OverrideId::of("r");
        assert_eq!(override_id(&id.to_string()), Ok(id));
        let refusal = override_id("12").unwrap_err();
        assert_eq!(refusal.rule, "must be 16 hexadecimal digits, as listed");
    }

    proptest! {
        #[test]
        fn hands_come_back_as_they_were(
            kind in 0_u8..4, ppm in 0_u32..=4_000_000,
            share in prop::option::of(0_u32..=1_000_000),
        ) {
            use v1::override_action::Action;
            let action = match kind {
                0 => Action::Pause(v1::OverridePause {}),
                1 => Action::Freeze(v1::OverrideFreeze {}),
                2 => Action::Fix(v1::OverrideFix { multiplier_ppm: ppm, participation_ppm: share }),
                _ => Action::Cap(v1::OverrideCap { multiplier_ppm: ppm }),
            };
            let message = request(action);
            let taken = hand(&message, "us", Timestamp::MIN).unwrap();
            let back = hand_message(&Engine::new(EngineConfig::default()), &taken);
            prop_assert_eq!(back.action, message.action);
            prop_assert_eq!(back.expires_at, message.expires_at);
            prop_assert_eq!(back.override_id, OverrideId::of("r").to_string());
        }
    }
}
