//! From a seed to a campaign with a known trouble, or none: what ails it is laid out in the market,
//! the specification, the hands and the faults, and a moment is drawn at which to ask.
//!
//! Knows the form of a scenario file and no engine.

use super::market::{PlainMarket, entries, micros};
use crate::dice::{Dice, minutes, rounded};
use crate::scenario::draft::Draft;
use paceline_core::diagnosis::CauseKind;
use toml::{Table, Value};

/// Asks a day of a campaign.
const ASKS: (f64, f64) = (1_500.0, 40_000.0);
/// Billing events a day at its plan.
const EVENTS: (f64, f64) = (60.0, 12_000.0);
/// Length of a run in hours.
const HOURS: (u64, u64) = (40, 84);
/// Deviation of hourly shocks on traffic.
const SHOCK: (f64, f64) = (0.0, 0.15);
/// Budget over what could be spent where the market is the trouble.
const TOO_MUCH: (f64, f64) = (1.4, 3.5);
/// Budget over what could be spent where it is not.
const EASY: (f64, f64) = (0.2, 0.65);
/// No mark of a seed of a scenario file may be above this.
const SEEDS: u64 = 1 << 62;

/// A campaign in its world.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub draft: Draft,
    /// What ails it; either may be named first.
    pub truth: Vec<CauseKind>,
    /// When it is asked, in hours of the run.
    pub asked: i64,
    /// How long the run is, in hours.
    pub hours: i64,
}

/// Troubles that come alone; in these many of a hundred and forty a campaign has each.
const ALONE: [(CauseKind, u64); 14] = [
    (CauseKind::OnPlan, 20),
    (CauseKind::Ahead, 10),
    (CauseKind::BudgetLimited, 12),
    (CauseKind::BidLimited, 12),
    (CauseKind::SupplyLimited, 12),
    (CauseKind::FloorLimited, 12),
    (CauseKind::ReturnLimited, 12),
    (CauseKind::Override, 10),
    (CauseKind::Brake, 8),
    (CauseKind::StaleSpend, 8),
    (CauseKind::Exhausted, 12),
    (CauseKind::NotStarted, 4),
    (CauseKind::Ended, 4),
    (CauseKind::Quarantined, 4),
];

/// Troubles that come in twos.
const TOGETHER: [[CauseKind; 2]; 8] = [
    [CauseKind::Override, CauseKind::BidLimited],
    [CauseKind::FloorLimited, CauseKind::BidLimited],
    [CauseKind::BidLimited, CauseKind::BudgetLimited],
    [CauseKind::SupplyLimited, CauseKind::BudgetLimited],
    [CauseKind::ReturnLimited, CauseKind::BudgetLimited],
    [CauseKind::StaleSpend, CauseKind::Override],
    [CauseKind::StaleSpend, CauseKind::BidLimited],
    [CauseKind::Override, CauseKind::ReturnLimited],
];

/// The campaign of a seed. One in ten is healthy, one in five has two troubles.
pub(super) fn world(seed: u64) -> Drawn {
    let mut dice = Dice::new(seed, "diagnosis");
    let truth = match seed % 10 {
        0 => vec![CauseKind::OnPlan],
        1 | 2 => dice.pick(&TOGETHER).to_vec(),
        _ => vec![trouble(&mut dice)],
    };
    let hours = i64::try_from(dice.whole(HOURS.0, HOURS.1)).unwrap_or(48);
    let asked = i64::try_from(dice.whole(14, 26)).unwrap_or(14);
    let mut sketch = Sketch::new(&mut dice, hours, asked);
    for &cause in &truth {
        sketch.market(&mut dice, cause, truth.len() > 1);
    }
    for &cause in &truth {
        sketch.ail(&mut dice, cause);
    }
    Drawn { draft: sketch.draft(&mut dice, seed), truth, asked, hours }
}

/// One that is not healthy.
fn trouble(dice: &mut Dice) -> CauseKind {
    let all = &ALONE[1..];
    let sum: u64 = all.iter().map(|(_, often)| often).sum();
    let mut place = dice.whole(0, sum - 1);
    for &(cause, often) in all {
        if place < often {
            return cause;
        }
        place -= often;
    }
    CauseKind::Ended
}

/// A world in the making; times in minutes of the run.
struct Sketch {
    hours: i64,
    asked: i64,
    market: PlainMarket,
    /// Budget a day over what full bids spend.
    share: f64,
    /// The daily cap over the daily budget.
    cap: Option<f64>,
    extra: Table,
    surges: Vec<Value>,
    actions: Vec<Table>,
    faults: Vec<Table>,
    /// A sibling under an advertiser whose cap is so much of what both want.
    shared: Option<f64>,
    from: f64,
    to: f64,
}

impl Sketch {
    fn new(dice: &mut Dice, hours: i64, asked: i64) -> Self {
        let asks = dice.log(ASKS);
        Self {
            hours,
            asked,
            market: PlainMarket::draw(dice, (0.3, 0.85), asks),
            share: dice.between(EASY),
            cap: None,
            extra: Table::new(),
            surges: Vec::new(),
            actions: Vec::new(),
            faults: Vec::new(),
            shared: None,
            from: 0.0,
            to: real(hours) * 60.0,
        }
    }

    /// What is asked, in minutes.
    fn at(&self) -> f64 {
        real(self.asked) * 60.0
    }

    /// Lays out the market for a trouble.
    fn market(&mut self, dice: &mut Dice, cause: CauseKind, has_other: bool) {
        let asks = dice.log(ASKS);
        match cause {
            // Rivals above the floor are part of it.
            CauseKind::BidLimited if self.market.floor > 0.0 => {}
            CauseKind::BidLimited => {
                self.market = PlainMarket::draw(dice, (0.04, 0.3), asks);
                self.share = dice.between(TOO_MUCH);
            }
            CauseKind::SupplyLimited => {
                self.market = PlainMarket::draw(dice, (0.8, 0.97), asks);
                self.share = dice.between(TOO_MUCH);
            }
            CauseKind::FloorLimited => self.floors(dice, asks, has_other),
            CauseKind::ReturnLimited => {
                self.market = PlainMarket::draw(dice, (0.5, 0.85), asks);
                self.returns(dice);
            }
            CauseKind::Brake => {
                self.market = PlainMarket::draw(dice, (0.4, 0.8), 40_000.0);
                self.share = dice.between((0.15, 0.4));
            }
            CauseKind::Ahead => {
                self.market = PlainMarket::draw(dice, (0.4, 0.8), asks.max(5_000.0));
                self.share = dice.between((0.2, 0.45));
            }
            _ => {}
        }
    }

    /// Floors that most values do not reach, and rivals far below or above them.
    fn floors(&mut self, dice: &mut Dice, asks: f64, has_other: bool) {
        let share = if has_other { dice.between((0.42, 0.55)) } else { dice.between((0.1, 0.3)) };
        let value_sigma = dice.rounded((0.3, 0.6));
        let value = dice.log_rounded((1.0, 12.0));
        let floor = value * libm::exp(-value_sigma * crate::market::draw::normal_quantile(share));
        let price_sigma = 0.3;
        // Where it loses as well, rivals bid about as much as values that pass.
        let price = if has_other { floor * 1.6 } else { floor * 0.4 };
        let spread = libm::sqrt(price_sigma * price_sigma + value_sigma * value_sigma);
        self.market = PlainMarket {
            per_day: rounded(asks),
            price,
            price_sigma,
            value_sigma,
            ease: libm::log(value / price) / spread,
            is_first: false,
            floor,
        };
        let could = asks * share * floor / 1e3 * if has_other { 0.6 } else { 1.0 };
        self.share = could / self.market.spend(0.0) * dice.between(TOO_MUCH);
    }

    /// A target that is met at a level below what the budget asks for.
    fn returns(&mut self, dice: &mut Dice) {
        let level = dice.between((-0.9, -0.4));
        let worth = self.market.spend(level) / self.market.worth(level);
        let share = self.market.spend(level) / self.market.spend(0.0);
        self.share = (share * dice.between((1.4, 2.2))).min(0.9);
        let action = micros(self.market.value() / 1e3 * dice.between((5.0, 40.0)));
        let target =
            entries([("cost_per_action_micros", action.into()), ("worth", rounded(worth).into())]);
        self.extra.insert("returns".to_owned(), target.into());
    }

    /// What is done to it.
    fn ail(&mut self, dice: &mut Dice, cause: CauseKind) {
        let at = self.at();
        match cause {
            CauseKind::Ahead => {
                let level = self.market.level(self.market.spend(0.0) * self.share);
                let more = self
                    .market
                    .level(self.market.spend(0.0) * self.share * dice.between((1.6, 1.85)));
                let lasts = dice.between((100.0, 200.0)).round();
                let ended = dice.between((4.0, 12.0)).round();
                self.hand("fix", at - ended - lasts, lasts, more.max(level));
            }
            CauseKind::Brake => {
                let began = dice.between((3.0, 6.0)).round();
                self.surge(at - began, 60.0, dice.between((8.0, 14.0)));
            }
            CauseKind::BudgetLimited => self.limit(dice),
            CauseKind::Override => self.hold(dice),
            CauseKind::StaleSpend => {
                let began = dice.between((4.0, 25.0)).round();
                let fault = [("kind", "silence".into()), ("at", minutes(at - began).into())];
                let mut fault = entries(fault);
                fault.insert("lasts".to_owned(), minutes(began + 30.0).into());
                self.faults.push(fault);
            }
            CauseKind::Exhausted => {
                self.extra.insert("delivery".to_owned(), "asap".into());
                // Gone by two thirds of the time until it is asked.
                let days = real(self.asked) / 24.0 * dice.between((0.3, 0.7));
                self.share = days / (real(self.hours) / 24.0);
            }
            CauseKind::NotStarted => self.from = at + dice.between((30.0, 600.0)).round(),
            CauseKind::Ended => self.to = at - dice.between((1.0, 300.0)).round(),
            CauseKind::Quarantined => {
                self.extra.insert("law".to_owned(), "pass_through".into());
            }
            _ => {}
        }
    }

    /// A cap of its own, or one that it shares with a sibling.
    fn limit(&mut self, dice: &mut Dice) {
        if self.share < 1.0 && !self.extra.contains_key("returns") && dice.chance(0.5) {
            self.share = dice.between((0.4, 0.8));
            self.shared = Some(dice.between((0.4, 0.7)));
        } else {
            // Where something else holds it as well, what the cap allows is not reached either.
            self.cap = Some(dice.between(if self.share < 1.0 { (0.4, 0.75) } else { (0.75, 0.9) }));
            if self.share < 1.0 && !self.extra.contains_key("returns") {
                self.share = dice.between((0.5, 0.85));
            }
        }
    }

    /// A hand that holds it well below what it needs.
    fn hold(&mut self, dice: &mut Dice) {
        let at = self.at();
        let began = at - dice.between((60.0, 240.0)).round();
        let lasts = (real(self.hours) * 60.0 - began).min(60.0 * 40.0);
        let spend = self.market.spend(0.0) * self.share.min(1.0) * dice.between((0.15, 0.5));
        let level = self.market.level(spend).min(-0.25);
        match dice.whole(0, 2) {
            0 if !self.extra.contains_key("returns") => self.hand("pause", began, lasts, level),
            1 => self.hand("fix", began, lasts, level),
            _ => self.hand("cap", began, lasts, level),
        }
    }

    fn hand(&mut self, what: &str, at: f64, lasts: f64, level: f64) {
        let mut action = entries([
            ("at", minutes(at).into()),
            ("campaign", "c".into()),
            ("do", what.into()),
            ("lasts", minutes(lasts).into()),
        ]);
        if what != "pause" {
            action.insert("multiplier".to_owned(), rounded(libm::exp(level)).into());
        }
        self.actions.push(action);
    }

    fn surge(&mut self, at: f64, lasts: f64, times: f64) {
        let surge = [
            ("at", minutes(at).into()),
            ("lasts", minutes(lasts).into()),
            ("times", rounded(times).into()),
        ];
        self.surges.push(entries(surge).into());
    }

    fn draft(mut self, dice: &mut Dice, seed: u64) -> Draft {
        let days = (self.to - self.from) / 1_440.0;
        // So that a day has the events that are wanted, and no more asks than it takes.
        let wins = self.market.wins(0.0) * self.share.min(1.0);
        let scale = (EVENTS.1 / wins.max(1.0)).min(1.0).max(EVENTS.0 / wins.max(1.0));
        self.market.per_day = rounded((self.market.per_day * scale).min(120_000.0));
        let daily = self.market.spend(0.0) * self.share;
        let shock = dice.between(SHOCK);
        let mut segment = self.market.segment(dice, "c", shock);
        if !self.surges.is_empty() {
            segment.insert("surges".to_owned(), std::mem::take(&mut self.surges).into());
        }
        let mut campaign = self.market.campaign("c", daily * days);
        campaign.insert("from".to_owned(), span(self.from).into());
        campaign.insert("to".to_owned(), minutes(self.to).into());
        campaign.extend(self.extra.clone());
        if let Some(cap) = self.cap {
            let cap = vec![Value::from(micros(cap * daily))];
            campaign.insert("daily_cap_micros".to_owned(), cap.into());
        }
        let (mut segments, mut campaigns) = (vec![Value::from(segment)], Vec::new());
        let mut advertisers = Vec::new();
        if let Some(share) = self.shared {
            // Alike, so that what they share holds both.
            let cap = micros(share * 2.0 * daily);
            let shop = [("name", "shop".into()), ("daily_cap_micros", cap.into())];
            advertisers.push(Value::from(entries(shop)));
            let mut sibling = self.market.campaign("d", daily * days);
            for one in [&mut campaign, &mut sibling] {
                one.insert("advertiser".to_owned(), "shop".into());
            }
            segments.push(self.market.segment(dice, "d", shock).into());
            campaigns.push(Value::from(campaign));
            campaigns.push(Value::from(sibling));
        } else {
            campaigns.push(Value::from(campaign));
        }
        let mut table = entries([
            ("start", "2025-03-03T00:00:00Z".into()),
            ("lasts", minutes(real(self.hours) * 60.0).into()),
            ("seed", i64::try_from(seed % SEEDS).unwrap_or(1).into()),
            ("tick", "30s".into()),
            ("bidders", entries([("count", 2.into()), ("report_every", "30s".into())]).into()),
            ("segment", segments.into()),
            ("campaign", campaigns.into()),
        ]);
        let mut put = |key: &str, rows: Vec<Value>| {
            if !rows.is_empty() {
                table.insert(key.to_owned(), rows.into());
            }
        };
        put("advertiser", advertisers);
        put("action", self.actions.into_iter().map(Value::from).collect());
        put("fault", self.faults.into_iter().map(Value::from).collect());
        Draft { table }
    }
}

/// A length of whole minutes, which may be none.
fn span(length: f64) -> String {
    if length < 1.0 { "0s".to_owned() } else { minutes(length) }
}

fn real(hours: i64) -> f64 {
    f64::from(i32::try_from(hours).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_world_is_a_sound_scenario() {
        for seed in 1..400 {
            let drawn = world(seed);
            let checked = drawn.draft.check("diagnosis", Path::new("nowhere"));
            checked.unwrap_or_else(|error| {
                let text = drawn.draft.to_text();
                panic!("seed {seed}: {:#}\n{text}", anyhow::Error::from(error))
            });
            assert!(drawn.asked + 14 <= drawn.hours);
        }
    }

    #[test]
    fn a_tenth_is_healthy_and_a_fifth_has_two_troubles() {
        let all: Vec<Drawn> = (1..=300).map(world).collect();
        let healthy = all.iter().filter(|one| one.truth == [CauseKind::OnPlan]).count();
        let twofold = all.iter().filter(|one| one.truth.len() == 2).count();
        assert_eq!((healthy, twofold), (30, 60));
        for cause in CauseKind::ALL {
            assert!(all.iter().any(|one| one.truth.contains(&cause)), "{cause:?}");
        }
    }
}
