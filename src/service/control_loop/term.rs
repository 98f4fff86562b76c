//! The loop's life: follow until the lead is ours, lead until it is lost, and so on.

use super::leader::Leader;
use super::{Event, LoopError, LoopFacts, LoopParts};
use crate::store::{LeadAnswer, LeadClaim, LeadLease};
use paceline_core::units::{Epoch, Span};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a follower waits before it asks for the lead again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);

/// Runs until told to stop or until nobody can reach it.
pub(super) async fn run(parts: LoopParts, mut inbox: mpsc::Receiver<Event>, facts: Arc<LoopFacts>) {
    loop {
        let (lease, stop) = follow(&parts, &mut inbox).await;
        let Some(lease) = lease else {
            if let Some(done) = stop {
                let _ = done.send(());
            }
            return;
        };
        let leader = Leader::begin(&parts, lease, &facts).await;
        let ended = match leader {
            Ok(leader) => lead(leader, &mut inbox).await,
            Err(error) => {
                let error = crate::error_chain(&error);
                tracing::error!(partition = parts.partition.0, error, "cannot take up the lead");
                tokio::time::sleep(FOLLOW_PAUSE).await;
                ControlFlow::Continue(())
            }
        };
        facts.leads.store(false, Ordering::Release);
        if ended.is_break() {
            return;
        }
    }
}

/// Asks for the lead until it is ours; answers everybody that another leads. Without a lease the
/// loop is to end, and somebody may be waiting to hear so.
async fn follow(
    parts: &LoopParts,
    inbox: &mut mpsc::Receiver<Event>,
) -> (Option<LeadLease>, Option<oneshot::Sender<()>>) {
    let mut leader = None;
    loop {
        match claim(parts).await {
            Ok(LeadAnswer::Ours(lease)) => return (Some(lease), None),
            Ok(LeadAnswer::Theirs { holder, .. }) => leader = Some(holder),
            Err(error) => {
                let error = crate::error_chain(&error);
                tracing::warn!(partition = parts.partition.0, error, "cannot ask for the lead");
            }
        }
        let pause = tokio::time::sleep(FOLLOW_PAUSE);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                event = inbox.recv() => match event {
                    None => return (None, None),
                    Some(Event::Stop(done)) => return (None, Some(done)),
                    Some(event) => refuse(event, leader.clone()),
                },
            }
        }
    }
}

fn refuse(event: Event, leader: Option<String>) {
    let error = LoopError::NotLeader { leader };
    match event {
        Event::Submit(_, reply) => drop(reply.send(Err(error))),
        Event::Ask(_, reply) => drop(reply.send(error)),
        Event::Hasten | Event::Stop(_) => {}
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
        now: parts.clock.now(),
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
                Some(Event::Stop(done)) => {
                    leader.end().await;
                    let _ = done.send(());
                    return ControlFlow::Break(());
                }
                Some(event) => leader.handle(event).await,
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

/// A third of the lead: two renewals may fail before it is lost.
pub(super) fn renewal(span: Span) -> Span {
    Span::from_micros(span.as_micros() / 3)
}
