//! Outcomes in, schedules out: the shader of a partition, and how far each campaign is shaded.
//!
//! A partition learns the markets whose exchanges' names fall to it, from every reporter, whoever's
//! campaigns bid there. Called by the engine as reports come and once a round.

use super::config::ShadingMarket;
use super::reports::Reports;
use super::{Applied, Engine};
use crate::campaign::{ShadingLevel, ShadingObjective, ShadingTerms, SpecError};
use crate::pace::PacingLaw;
use crate::report::ShadingReport;
use crate::shade::reporters::Reporters;
use crate::shade::saving::Savings;
use crate::shade::{
    BidGroups, Fault, Landscape, OutcomeReport, Portrait, SegmentLine, ShadeNews, ShadeSet, Shader,
};
use crate::table::EntryShading;
use crate::units::{CampaignId, Currency, Generation, PacingMultiplier, SegmentId, Timestamp};
use serde::{Deserialize, Serialize};

/// Where campaigns with budget to spare give up their shade, as a share of the range's top.
const TOP: f64 = 0.999;
/// Where they take it back: between the two it stays as it is, so that it does not swing.
const BELOW_TOP: f64 = 0.9;
/// Shade given up or taken back in a minute, in per mille: all of it in twenty minutes, several
/// times slower than the law, which has settled in between.
const RELIEF_PER_MINUTE: f64 = 50.0;
/// The most of it, in per mille.
const RELIEF_MAX: f64 = 1_000.0;
/// In steps of this, so that an entry is news once in half a minute at most.
const RELIEF_STEP: f64 = 25.0;

/// What became of a report of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomesTaken {
    /// Rows taken.
    pub taken: u64,
    /// Rows left out, in the order of [`Fault::ALL`].
    pub left_out: [u64; Fault::ALL.len()],
}

/// What a partition knows of its markets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shading {
    /// Of all prices that were learnt from.
    currency: Currency,
    shader: Shader,
    reporters: Reporters,
    reports: Reports,
    savings: Savings,
    /// What was said last.
    generation: Generation,
}

/// How much of its shade a campaign gives up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Relief {
    per_mille: f64,
    at: Timestamp,
}

impl Relief {
    /// A round at which the law asks for this multiplier, of at most `max`. `is_held_back` where it
    /// takes part in less than every auction: its budget binds, however high it bids.
    pub(super) fn step(
        &mut self,
        now: Timestamp,
        terms: ShadingTerms,
        (multiplier, max): (PacingMultiplier, PacingMultiplier),
        is_held_back: bool,
    ) -> EntryShading {
        let minutes = (now - self.at).as_minutes().clamp(0.0, 1.0);
        self.at = now;
        let (multiplier, max) = (multiplier.ppm().as_f64(), max.ppm().as_f64());
        let is_for_value = terms.objective == ShadingObjective::Value;
        if terms.level == ShadingLevel::Off || !is_for_value {
            self.per_mille = 0.0;
        } else if is_held_back || multiplier < BELOW_TOP * max {
            self.per_mille = (self.per_mille - RELIEF_PER_MINUTE * minutes).max(0.0);
        } else if multiplier >= TOP * max {
            self.per_mille = (self.per_mille + RELIEF_PER_MINUTE * minutes).min(RELIEF_MAX);
        }
        let stepped = libm::floor(self.per_mille / RELIEF_STEP) * RELIEF_STEP;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        EntryShading::new(terms.level, stepped as u16)
    }
}

impl<L: PacingLaw> Engine<L> {
    /// Takes a report in. One that was seen before changes nothing.
    pub(super) fn take_outcomes(&mut self, now: Timestamp, report: &OutcomeReport) -> Applied {
        let Some(market) = self.config.shading else {
            let rule = "needs shading.currency: no outcomes are taken without";
            return Applied::Refused(vec![SpecError::new("outcomes", rule)]);
        };
        let fresh = || {
            Box::new(Shading {
                currency: market.currency,
                shader: Shader::new(market.shader),
                reporters: Reporters::default(),
                reports: Reports::default(),
                savings: Savings::default(),
                generation: Generation::default(),
            })
        };
        let shading = self.state.shading.get_or_insert_with(fresh);
        if let (Some(producer), Some(sequence)) = (report.producer, report.sequence)
            && !shading.reports.note(now, producer, sequence, self.config.sources_max)
        {
            return Applied::Outcomes(OutcomesTaken::default());
        }
        Applied::Outcomes(shading.take(now, report))
    }

    /// Refits what is due, a bounded number of segments; what is to be said, if anything.
    pub(super) fn step_shading(&mut self, now: Timestamp, generation: Generation) -> ShadeStep {
        let Some(shading) = &mut self.state.shading else { return ShadeStep::default() };
        let delta = shading.shader.step(now);
        let report = ShadingReport {
            segments: shading.shader.segments(),
            nodes: shading.shader.nodes(),
            published: delta.schedules.len(),
            counts: *shading.shader.counts(),
        };
        let news = (!delta.is_empty()).then(|| {
            let base = std::mem::replace(&mut shading.generation, generation);
            Box::new(ShadeNews { base, generation, delta })
        });
        ShadeStep { news, report: Some(report) }
    }

    /// All schedules as they were said last.
    #[must_use]
    pub fn shades(&self) -> ShadeSet {
        let whole = |shading: &Shading| ShadeSet::new(shading.generation, &shading.shader.whole());
        self.state.shading.as_deref().map_or_else(ShadeSet::default, whole)
    }

    /// What is known of a segment's market; nothing before the first outcome.
    #[must_use]
    pub fn landscape(&self, segment: SegmentId) -> Option<Landscape<'_>> {
        self.state.shading.as_ref()?.shader.landscape(segment, self.state.now)
    }

    /// All that is known of a segment, to be shown; nothing before the first outcome.
    #[must_use]
    pub fn portrait(&self, segment: SegmentId) -> Option<Portrait> {
        self.state.shading.as_ref()?.shader.portrait(segment, self.state.now)
    }

    /// Lines about segments in the order of their keys, from one on, at most so many; and how many
    /// are known in all.
    #[must_use]
    pub fn segment_lines(&self, from: SegmentId, most: usize) -> (Vec<SegmentLine>, usize) {
        let Some(shading) = &self.state.shading else { return (Vec::new(), 0) };
        (shading.shader.lines(from, most, self.state.now), shading.shader.segments())
    }

    /// What outcomes of the exchanges learnt here told of a campaign's groups; nothing where none
    /// did. All partitions' together are the campaign's.
    #[must_use]
    pub fn bid_groups(&self, campaign: CampaignId) -> Option<BidGroups> {
        self.state.shading.as_ref()?.savings.of(campaign, self.state.now)
    }
}

/// What a round makes of outcomes.
#[derive(Debug, Default)]
pub(super) struct ShadeStep {
    pub(super) news: Option<Box<ShadeNews>>,
    pub(super) report: Option<ShadingReport>,
}

impl Shading {
    /// Goes on under another configuration; nothing does when prices are in another currency now.
    pub(super) fn configured(mut self: Box<Self>, market: ShadingMarket) -> Option<Box<Self>> {
        self.shader.configure(market.shader);
        (self.currency == market.currency).then_some(self)
    }

    fn take(&mut self, now: Timestamp, report: &OutcomeReport) -> OutcomesTaken {
        let mut told = OutcomesTaken::default();
        let mut admission = self.reporters.open(now, report.producer);
        let is_due = report.currency == self.currency;
        for outcome in &report.outcomes {
            let admitted = if is_due { admission.admit() } else { Err(Fault::Currency) };
            let became = match admitted {
                Ok(()) => self.shader.take_one(now, outcome),
                Err(fault) => {
                    self.shader.leave_out(fault);
                    if fault == Fault::Overweight {
                        self.shader.hear(now, &outcome.path);
                    }
                    Err(fault)
                }
            };
            admission.note(outcome.count, became);
            match became {
                Ok(()) => {
                    self.savings.note(now, outcome);
                    told.taken += 1;
                }
                Err(fault) => told.left_out[fault.index()] += 1,
            }
        }
        self.reporters.close(now, report.producer, &admission);
        told
    }
}
