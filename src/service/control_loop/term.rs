//! The loop's life: follow until the lead is ours, lead until it is lost, and so on.

use super::bridge::Bridge;
use super::follower::Follower;
use super::leader::{Leader, Staff};
use super::nuisance::Nuisance;
use super::obstacle::Obstacle;
use super::scribe::Scribe;
use super::{Ending, Event, LoopError, LoopFacts, LoopParts, whereabouts};
use crate::store::{LeadAnswer, LeadClaim, LeadLease};
use crate::trace::Rounds;
use paceline_core::input::Input;
use paceline_core::units::{Epoch, Span};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a follower waits before it asks for the lead again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);
/// The same after a log was found ahead of the clock: reading it anew only tells the same for a
/// while, and one whose clock is right is to find the lead free.
const AHEAD_PAUSE: Duration = Duration::from_secs(5);
/// Requests that share one append: what two hundred bidders ask in the time of an append.
const SHARED_MAX: usize = 256;

/// Runs until told to stop or until nobody can reach it.
pub(super) async fn run(parts: LoopParts, mut inbox: mpsc::Receiver<Event>, facts: Arc<LoopFacts>) {
    let tracer = &parts.settings.tracer;
    let scribe = Scribe::new(parts.partition, Arc::clone(&facts), tracer.clone());
    let rounds = Rounds::new(tracer.clone());
    let mut staff = Staff { scribe, bridge: Bridge::new(), rounds };
    let mut follower = Follower::default();
    while let Some(lease) = follow(&parts, &mut inbox, &facts, &mut staff, &mut follower).await {
        // What waited for a round of an earlier term waits for none of this.
        staff.rounds = Rounds::new(tracer.clone());
        let ended = match Leader::begin(&parts, lease, &facts, &mut staff).await {
            Ok(leader) => {
                facts.note_obstacle(None);
                lead(leader, &mut inbox).await
            }
            Err(obstacle) => {
                let error = crate::error_chain(&obstacle);
                if facts.note_obstacle(Some(&error)) {
                    let partition = parts.partition.0;
                    tracing::error!(partition, error, "cannot take up the lead");
                }
                let pause = match obstacle {
                    Obstacle::Store(_) => {
                        staff.bridge.carry(&parts, &facts);
                        FOLLOW_PAUSE
                    }
                    Obstacle::LogAhead(_) => {
                        // Spend is taken meanwhile, so that its campaigns must be known.
                        follower.follow(&parts).await;
                        AHEAD_PAUSE
                    }
                };
                idle(pause, &mut inbox, || facts.refusal(parts.partition)).await
            }
        };
        facts.leads.store(false, Ordering::Release);
        if ended.is_break() {
            break;
        }
    }
    // A checkpoint that is under way needs this thread's runtime; the scribe tells how it went.
    let _ = staff.scribe.finish().await;
}

/// Asks for the lead until it is ours; answers everybody that another leads. Without a lease the
/// loop is to end.
async fn follow(
    parts: &LoopParts,
    inbox: &mut mpsc::Receiver<Event>,
    facts: &LoopFacts,
    staff: &mut Staff,
    follower: &mut Follower,
) -> Option<LeadLease> {
    let mut fault = Nuisance::default();
    let mut leader = None;
    loop {
        let claimed = claim(parts).await;
        if claimed.is_ok()
            && let Some(failures) = fault.over()
        {
            let partition = parts.partition.0;
            tracing::info!(partition, failures, "the lead can be asked for again");
        }
        match claimed {
            Ok(LeadAnswer::Ours(lease)) => return Some(lease),
            Ok(LeadAnswer::Theirs { holder, .. }) => {
                let asked = whereabouts(&holder);
                parts.publisher.give_way(asked);
                facts.note_obstacle(None);
                leader = Some(asked.to_owned());
                staff.bridge.take_sides(false);
                follower.follow(parts).await;
            }
            Err(error) => {
                let error = crate::error_chain(&error);
                if fault.failed(&error) {
                    tracing::warn!(partition = parts.partition.0, error, "cannot ask for the lead");
                }
                staff.bridge.carry(parts, facts);
            }
        }
        staff.scribe.look().await;
        let refusal = || LoopError::NotLeader { leader: leader.clone() };
        if idle(FOLLOW_PAUSE, inbox, refusal).await.is_break() {
            return None;
        }
    }
}

/// Answers everybody with a refusal for a while. Breaks when the loop is to end.
async fn idle(
    pause: Duration,
    inbox: &mut mpsc::Receiver<Event>,
    refusal: impl Fn() -> LoopError,
) -> ControlFlow<()> {
    let pause = tokio::time::sleep(pause);
    tokio::pin!(pause);
    loop {
        tokio::select! {
            () = &mut pause => return ControlFlow::Continue(()),
            event = inbox.recv() => match event {
                None => return ControlFlow::Break(()),
                Some(Event::End(step, done)) => {
                    // There is nothing of ours to bring to an end.
                    let _ = done.send(Ok(()));
                    if step == Ending::Resign {
                        return ControlFlow::Break(());
                    }
                }
                Some(event) => refuse(event, refusal()),
            },
        }
    }
}

fn refuse(event: Event, error: LoopError) {
    match event {
        Event::Submit(asked) => drop(asked.reply.send(Err(error))),
        Event::Ask { refuse, .. } => drop(refuse.send(error)),
        Event::Hasten | Event::End(..) => {}
    }
}

/// Asks for the lead. In a store that is ours alone, a lead from an earlier life is taken over with
/// a higher epoch; elsewhere it runs out by itself.
async fn claim(parts: &LoopParts) -> Result<LeadAnswer, crate::store::StoreError> {
    let settings = &parts.settings;
    let ask = |above| LeadClaim {
        holder: settings.holder.clone(),
        span: settings.lead_span,
        above,
        now: parts.clock.world(),
    };
    let answer = parts.store.acquire_lead(parts.partition, &ask(Epoch(0))).await?;
    match answer {
        LeadAnswer::Ours(lease) if settings.is_alone => {
            parts.store.acquire_lead(parts.partition, &ask(lease.epoch)).await
        }
        answer => Ok(answer),
    }
}

/// Leads until told to stop (break) or until the lead is lost (continue).
async fn lead(mut leader: Leader<'_>, inbox: &mut mpsc::Receiver<Event>) -> ControlFlow<()> {
    loop {
        let patience = leader.until_due();
        let step = tokio::select! {
            biased;
            event = inbox.recv() => match event {
                None => return ControlFlow::Break(()),
                Some(event) => {
                    let is_last = matches!(&event, Event::End(Ending::Resign, _));
                    take(&mut leader, event, inbox).await;
                    if is_last {
                        return ControlFlow::Break(());
                    }
                    Ok(())
                }
            },
            step = leader.wait(patience) => step,
        };
        let step = match step {
            Ok(()) => leader.work().await,
            Err(error) => Err(error),
        };
        if let Err(error) = step
            && leader.give_up(&error).await
        {
            return ControlFlow::Continue(());
        }
    }
}

/// One request; small ones that wait behind it are appended with it.
async fn take(leader: &mut Leader<'_>, first: Event, inbox: &mut mpsc::Receiver<Event>) {
    let mut next = Some(first);
    let mut shared = Vec::new();
    while let Some(event) = next.take() {
        match event {
            Event::Submit(asked) if asked.inputs.iter().all(is_small) => {
                shared.push(asked);
                if shared.len() < SHARED_MAX {
                    next = inbox.try_recv().ok();
                }
            }
            event => {
                leader.submit(std::mem::take(&mut shared)).await;
                leader.handle(event).await;
            }
        }
    }
    leader.submit(shared).await;
}

/// Whether many of it fit one append.
fn is_small(input: &Input) -> bool {
    matches!(input, Input::Draw(_) | Input::Bidder(_))
}

/// A third of the lead: two renewals may fail before it is lost.
pub(super) fn renewal(span: Span) -> Span {
    Span::from_micros(span.as_micros() / 3)
}
