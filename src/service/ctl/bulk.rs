//! `ctl bulk`: one hand on each of many campaigns, which are counted and named before anything is
//! done; `ctl extend`: another end for an override.

use super::{Caller, CtlError, Outcome, PAGE_SIZE, by_leader, campaign, hands, pretty, text};
use crate::args::ctl::{BulkCommand, BulkHandArgs, ExtendArgs, FilterArgs};
use paceline_proto::v1;
use paceline_proto::v1::budget_owner::Owner;
use paceline_proto::v1::override_action::Action;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Campaigns that are named before they are acted upon; more are only counted.
const NAMED_MAX: usize = 20;

pub(super) async fn bulk(caller: &mut Caller, command: BulkCommand) -> Result<Outcome, CtlError> {
    match command {
        BulkCommand::Pause(args) => lay_on(caller, args, Action::Pause(v1::OverridePause {})).await,
        BulkCommand::Freeze(args) => {
            lay_on(caller, args, Action::Freeze(v1::OverrideFreeze {})).await
        }
        BulkCommand::Fix { hand, multiplier } => {
            let multiplier_ppm = multiplier.get();
            let fix = v1::OverrideFix { multiplier_ppm, participation_ppm: None };
            lay_on(caller, hand, Action::Fix(fix)).await
        }
        BulkCommand::Cap { hand, multiplier } => {
            let cap = v1::OverrideCap { multiplier_ppm: multiplier.get() };
            lay_on(caller, hand, Action::Cap(cap)).await
        }
        BulkCommand::Clear { filter, reason } => clear(caller, &filter, &reason).await,
    }
}

/// A campaign's id and key.
type Named = (String, u64);

/// Id and key of each campaign that fits, in order, beside whoever leads it.
async fn fitting(
    caller: &mut Caller,
    filter: &FilterArgs,
) -> Result<Vec<(Caller, Vec<Named>)>, CtlError> {
    let state = campaign::state(filter.state.as_deref());
    let mut found = by_leader(caller, async |caller, page_token| {
        let request = v1::ListCampaignsRequest {
            page_size: PAGE_SIZE,
            page_token,
            advertiser_id: filter.advertiser.clone(),
            group_id: filter.group.clone(),
            state: state.into(),
            is_led_only: caller.is_led_only,
        };
        let asked = caller.client.list_campaigns(request).await;
        let told = caller.answer(asked)?;
        let lines = told.campaigns.into_iter().map(|line| (line.campaign_id, line.campaign_key));
        Ok((lines.collect(), told.next_page_token))
    })
    .await?;
    if let Some(pattern) = &filter.pattern {
        found.iter_mut().for_each(|(_, named)| named.retain(|(id, _)| fits(pattern, id)));
    }
    Ok(found)
}

/// The ids alone, in order.
fn ids(found: Vec<(Caller, Vec<Named>)>) -> BTreeSet<String> {
    found.into_iter().flat_map(|(_, named)| named).map(|(id, _)| id).collect()
}

/// Whether a pattern of letters, `*` and `?` fits a whole id. Goes back to the last `*` alone, so
/// that no pattern takes longer than its length times the id's.
fn fits(pattern: &str, id: &str) -> bool {
    let (pattern, id): (Vec<char>, Vec<char>) = (pattern.chars().collect(), id.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < id.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == id[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((back, from)) = star else { return false };
                star = Some((back, from + 1));
                at = back + 1;
                place = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

/// How many fit, and the first of them.
fn counted(is_json: bool, what: &str, ids: &[String]) -> String {
    if is_json {
        return pretty(&json!({"does": what, "campaigns": ids, "done": false}));
    }
    let named = ids.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = match ids.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = ids.len();
    format!("{what} on {count} campaigns: {named}{more}\nnothing is done yet; --yes does it\n")
}

/// How far a command came with the campaigns that it was for, in order.
#[derive(Debug, Default)]
struct Progress {
    done: Vec<String>,
    failed: Vec<(String, CtlError)>,
    not_tried: Vec<String>,
}

impl Progress {
    /// Whether another may be tried: not where the service was away at the last one.
    fn goes_on(&self) -> bool {
        self.failed.last().is_none_or(|(_, error)| !error.is_away())
    }

    fn take(&mut self, id: String, came: Result<(), CtlError>) {
        match came {
            Ok(()) => self.done.push(id),
            Err(error) => self.failed.push((id, error)),
        }
    }

    /// What was done to how many, what failed, and what was not tried any more.
    fn tell(mut self, is_json: bool, what: &str) -> Outcome {
        self.done.dedup();
        self.not_tried.dedup();
        let Self { done, failed, not_tried } = self;
        let text = if is_json {
            let failures = failed.iter().map(|(id, why)| json!({"id": id, "why": why.to_string()}));
            let failures: Value = failures.collect();
            pretty(&json!({
                "does": what,
                "campaigns": done,
                "done": true,
                "failures": failures,
                "not_tried": not_tried,
            }))
        } else {
            format!("{what} on {} campaigns; it holds from the next table on\n", done.len())
        };
        let trouble = (!failed.is_empty()).then(|| {
            let lines = failed.iter().take(NAMED_MAX).map(|(id, why)| format!("\n  {id}: {why}"));
            let lines: String = lines.collect();
            let rest = match not_tried.as_slice() {
                [] => String::new(),
                [first, ..] => format!("\nnot tried on {}, from {first} on", not_tried.len()),
            };
            CtlError::Failed(format!("not done on {} campaigns:{lines}{rest}", failed.len()))
        });
        Outcome { text, trouble }
    }
}

async fn lay_on(
    caller: &mut Caller,
    args: BulkHandArgs,
    action: Action,
) -> Result<Outcome, CtlError> {
    let found = fitting(caller, &args.filter).await?;
    let action = v1::OverrideAction { action: Some(action) };
    let what = text::action(Some(&action));
    if !args.filter.yes || found.iter().all(|(_, named)| named.is_empty()) {
        let ids: Vec<String> = ids(found).into_iter().collect();
        return Ok(Outcome { text: counted(caller.is_json, &what, &ids), trouble: None });
    }
    let expires_at = hands::expiry(caller, args.term).await?;
    let base = args.request_id.unwrap_or_else(hands::request_id);
    let mut progress = Progress::default();
    let found = found
        .into_iter()
        .flat_map(|(leader, named)| named.into_iter().map(move |named| (leader.clone(), named)));
    for (mut leader, (id, key)) in found {
        if !progress.goes_on() {
            progress.not_tried.push(id);
            continue;
        }
        let request = v1::SetOverrideRequest {
            target: Some(v1::BudgetOwner { owner: Some(Owner::CampaignId(id.clone())) }),
            action: Some(action),
            reason: args.reason.clone(),
            expires_at: Some(expires_at),
            // By the campaign, not by its place: the list may be another when this is repeated.
            request_id: format!("{base}-{key:016x}"),
        };
        let asked = leader.client.set_override(request).await;
        progress.take(id, leader.answer(asked).map(drop));
    }
    Ok(progress.tell(caller.is_json, &what))
}

async fn clear(
    caller: &mut Caller,
    filter: &FilterArgs,
    reason: &str,
) -> Result<Outcome, CtlError> {
    let ids = ids(fitting(caller, filter).await?);
    let mut found: Vec<(String, String, Caller)> = Vec::new();
    for (leader, hands) in hands::by_leader(caller, None).await? {
        for hand in hands {
            if let Some(Owner::CampaignId(id)) = hand.target.and_then(|target| target.owner)
                && ids.contains(&id)
            {
                found.push((id, hand.override_id, leader.clone()));
            }
        }
    }
    found.sort_unstable_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let what = "clear";
    if !filter.yes || found.is_empty() {
        let mut named: Vec<String> = found.into_iter().map(|(id, ..)| id).collect();
        named.dedup();
        return Ok(Outcome { text: counted(caller.is_json, what, &named), trouble: None });
    }
    let mut progress = Progress::default();
    for (id, override_id, mut leader) in found {
        if !progress.goes_on() {
            progress.not_tried.push(id);
            continue;
        }
        let request = v1::ClearOverrideRequest {
            override_id,
            request_id: hands::request_id(),
            reason: reason.to_owned(),
        };
        let asked = leader.client.clear_override(request).await;
        progress.take(id, leader.answer(asked).map(drop));
    }
    Ok(progress.tell(caller.is_json, what))
}

/// The same hand with another end: it takes the place of the one before.
pub(super) async fn extend(caller: &mut Caller, args: ExtendArgs) -> Result<String, CtlError> {
    let by_leader = hands::by_leader(caller, None).await?;
    let found = by_leader.into_iter().find_map(|(leader, hands)| {
        Some((leader, hands.into_iter().find(|hand| hand.override_id == args.id)?))
    });
    let (mut leader, hand) = found.ok_or_else(|| {
        CtlError::Failed(format!("{} is no override that is on; see ctl overrides", args.id))
    })?;
    let request = v1::SetOverrideRequest {
        target: hand.target,
        action: hand.action,
        reason: args.reason,
        expires_at: Some(hands::expiry(caller, args.term).await?),
        request_id: hands::request_id(),
    };
    hands::send(&mut leader, request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_ids_alone() {
        for (pattern, id, is_fit) in [
            ("spring-*", "spring-1", true),
            ("spring-*", "spring", false),
            ("*", "", true),
            ("*-eu-*", "a-eu-b-eu-c", true),
            ("s?ring", "spring", true),
            ("s?ring", "string-2", false),
            ("**a*b", "xxaxxbb", true),
            ("é*", "été", true),
            ("", "a", false),
            ("spring", "Spring", false),
        ] {
            assert_eq!(fits(pattern, id), is_fit, "{pattern} {id}");
        }
    }

    #[test]
    fn nothing_more_is_tried_once_the_service_is_away() {
        let mut progress = Progress::default();
        progress.take("a".to_owned(), Ok(()));
        progress.take("b".to_owned(), Err(CtlError::Failed("no".to_owned())));
        assert!(progress.goes_on(), "one that is refused says nothing of the next");
        progress.take("c".to_owned(), Err(CtlError::Busy("the log is away".to_owned())));
        assert!(!progress.goes_on());
        progress.not_tried.extend(["d".to_owned(), "e".to_owned()]);
        let told = progress.tell(false, "paused");
        assert!(told.text.starts_with("paused on 1 campaigns"), "{told:?}");
        let trouble = told.trouble.unwrap().to_string();
        let expected = "not done on 2 campaigns:\n  b: no\n  c: the log is away; try again\n\
                        not tried on 2, from d on";
        assert_eq!(trouble, expected);
    }

    #[test]
    fn a_long_pattern_is_judged_at_once() {
        let (pattern, id) = ("*a".repeat(500), "a".repeat(499) + "b");
        assert!(!fits(&pattern, &id));
    }
}
