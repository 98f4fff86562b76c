//! How bids of a world are shaded: by schedules that the engine learns from the world's own
//! outcomes, or by schedules made before, which may be swapped on the way.
//!
//! Bidders tell outcomes with their reports and hold schedules beside the table, as clients of a
//! service do. Knows no prices beyond what an exchange would tell. Called by the world.

use super::World;
use super::setup::Setup;
use crate::bidder::ShadeOrder;
use crate::hall::Seat;
use crate::market::auction::{Auction, Tie};
use crate::number::place;
use crate::scenario::Scenario;
use crate::shading::contender::Feedback;
use paceline_core::bid::AuctionType;
use paceline_core::campaign::ShadingTerms;
use paceline_core::engine::{Engine, ShadingMarket};
use paceline_core::input::Input;
use paceline_core::pace::PacingLaw;
use paceline_core::shade::{
    BidDraw, BidTrial, Outcome, OutcomeReport, PriceRule, ScheduleId, SegmentPath, ShaderConfig,
    ShadingSchedule, TieRule,
};
use paceline_core::units::{CpmMicros, Currency, Nanos, ProducerId, SegmentId, Span, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Schedules by segment index; absent where nothing is known.
pub type Model = Arc<[Option<ShadingSchedule>]>;

/// Outcomes that a bidder keeps until its next report, at most: an hour without a word at eighteen
/// bids a second. What comes after is not told, as by a client whose queue is full.
const ROWS_MOST: usize = 1 << 16;

/// Where schedules come from.
#[derive(Debug, Clone)]
pub enum ShadeSource {
    /// The engine learns them from outcomes that tell so much.
    Learnt(Feedback),
    /// They were made before: each holds for so long, then the next, in turn. At least one.
    Made(Vec<Model>, Span),
}

/// How all campaigns of a run are shaded.
#[derive(Debug, Clone)]
pub struct ShadePlan {
    /// Level and objective, of every campaign.
    pub terms: ShadingTerms,
    /// Pacing first, or not.
    pub order: ShadeOrder,
    /// Where schedules come from.
    pub source: ShadeSource,
    /// How they are learnt; the tie rule is the world's.
    pub shader: ShaderConfig,
}

/// A bid whose outcome is open: what is held for it, and what is told with its outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) reserve: Nanos,
    pub(super) bid: CpmMicros,
    pub(super) value: CpmMicros,
    pub(super) drawn: Option<BidDraw>,
}

/// The state of it.
#[derive(Debug)]
pub(super) struct Shading {
    plan: Option<ShadePlan>,
    currency: Option<Currency>,
    /// By segment index.
    paths: Vec<SegmentPath>,
    start: Timestamp,
    held: Model,
    /// The last that had a schedule for every segment: where all have spent their budgets nothing
    /// is told any more, and what is silent is not shaded.
    whole: Model,
    /// Outcomes not told yet, by bidder, and how many reports of them it sent.
    rows: Vec<(Vec<Outcome>, u64)>,
}

impl Shading {
    /// Under a plan; campaigns of the setup get its terms.
    pub(super) fn new(scenario: &Scenario, plan: Option<ShadePlan>, setup: &mut Setup) -> Self {
        let names = scenario.segments.iter().map(|plan| plan.segment.name.as_str());
        // A name of more levels, or of empty ones, is a market by itself.
        let alone = |name| SegmentPath::new(&[SegmentId::of(name).key()]);
        let paths: Vec<_> =
            names.map(|name| SegmentPath::of_name(name).unwrap_or_else(|_| alone(name))).collect();
        let plan = plan.map(|mut plan| {
            plan.shader.tie = match scenario.tie {
                Tie::Win => TieRule::Win,
                Tie::Lose => TieRule::Lose,
            };
            plan
        });
        if let Some(plan) = &plan {
            for spec in &mut setup.specs {
                spec.shading = plan.terms;
            }
            for input in &mut setup.inputs {
                if let Input::Campaign(spec) = input {
                    spec.shading = plan.terms;
                }
            }
        }
        Self {
            plan,
            currency: scenario.advertisers.first().map(|advertiser| advertiser.currency),
            held: vec![None; paths.len()].into(),
            whole: vec![None; paths.len()].into(),
            paths,
            start: scenario.window.start(),
            rows: (0..scenario.bidders.count).map(|_| (Vec::new(), 0)).collect(),
        }
    }

    /// What the engine learns of, if anything is shaded.
    pub(super) fn market(&self) -> Option<ShadingMarket> {
        let plan = self.plan.as_ref()?;
        Some(ShadingMarket { currency: self.currency?, shader: plan.shader })
    }

    /// Which comes first.
    pub(super) fn order(&self) -> ShadeOrder {
        self.plan.as_ref().map_or_else(ShadeOrder::default, |plan| plan.order)
    }

    /// A bidder's report of outcomes, if it has any to tell.
    pub(super) fn report(&mut self, bidder: usize, producer: ProducerId) -> Option<OutcomeReport> {
        let currency = self.currency?;
        let (rows, sent) = self.rows.get_mut(bidder).filter(|(rows, _)| !rows.is_empty())?;
        *sent += 1;
        Some(OutcomeReport {
            producer: Some(producer),
            sequence: Some(*sent),
            currency,
            outcomes: std::mem::take(rows),
        })
    }

    /// What goes out with the table of a round.
    pub(super) fn held<L: PacingLaw + Copy>(
        &mut self,
        now: Timestamp,
        engine: &Engine<L>,
        has_news: bool,
    ) -> Model {
        match self.plan.as_ref().map(|plan| &plan.source) {
            Some(ShadeSource::Learnt(_)) if has_news => {
                let whole = engine.shades().whole();
                let schedules: BTreeMap<ScheduleId, ShadingSchedule> =
                    whole.schedules.into_iter().collect();
                let whose: BTreeMap<SegmentId, ScheduleId> = whole.segments.into_iter().collect();
                let of = |path: &SegmentPath| schedules.get(whose.get(&path.segment()?)?).copied();
                self.held = self.paths.iter().map(of).collect();
            }
            Some(ShadeSource::Made(models, each)) => {
                let turn = place((now - self.start).ratio_to(*each), usize::MAX);
                let model = models.get(turn % models.len().max(1));
                self.held = model.map_or_else(|| Arc::clone(&self.held), Arc::clone);
            }
            _ => {}
        }
        if self.held.iter().all(Option::is_some) {
            self.whole = Arc::clone(&self.held);
        }
        Arc::clone(&self.held)
    }

    /// What went out last with a schedule for every segment.
    pub(super) fn last(&self) -> Model {
        Arc::clone(&self.whole)
    }

    fn note(&mut self, seat: Seat, row: impl FnOnce(SegmentPath, Feedback) -> Outcome) {
        let Some(ShadeSource::Learnt(feedback)) = self.plan.as_ref().map(|plan| &plan.source)
        else {
            return;
        };
        let (Some(path), Some(rows)) =
            (self.paths.get(seat.segment), self.rows.get_mut(seat.bidder))
        else {
            return;
        };
        if rows.0.len() < ROWS_MOST {
            rows.0.push(row(*path, *feedback));
        }
    }
}

impl<L: PacingLaw + Copy> World<'_, L> {
    /// What became of a bid is told with the bidder's next report. Where campaigns compete, the
    /// minimum to win is not: it depends on the others.
    pub(super) fn note_outcome(&mut self, seat: Seat, auction: &Auction, open: &Open, won: bool) {
        let is_competing = self.scenario.is_competing;
        let campaign = self.hall.specs[seat.campaign].id;
        self.shading.note(seat, |path, feedback| {
            let least = auction.min_to_win(CpmMicros::ZERO).get();
            let told = feedback.told(least, won).filter(|_| !is_competing);
            Outcome {
                path,
                price_rule: match auction.auction_type {
                    AuctionType::FirstPrice => PriceRule::First,
                    AuctionType::SecondPrice => PriceRule::Second,
                    AuctionType::FixedPrice(_) => PriceRule::Fixed,
                },
                floor: auction.floor,
                bid: open.bid,
                won,
                clearing: None,
                min_to_win: told.map(CpmMicros::new),
                loss_reason: None,
                count: 1,
                trial: open.drawn.map(|drawn| BidTrial {
                    campaign,
                    drawn,
                    value: Some(open.value),
                }),
            }
        });
    }
}
