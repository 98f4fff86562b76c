//! An independent bookkeeper: recomputes the books its own naive way and checks every tick.
//!
//! Sees the inputs, the verdicts and the published tables; shares no code with the ledger. Sums are
//! 128 bits wide. A failed check is counted and told, never repaired. Called by the world.

use paceline_core::budget::BudgetOwner;
use paceline_core::campaign::{BillingEvent, DeliveryMode, LawChoice};
use paceline_core::engine::{Applied, Engine};
use paceline_core::event::{SpendBatch, SpendEvent, SpendKind, Verdict};
use paceline_core::input::Input;
use paceline_core::ledger::Account;
use paceline_core::notice::{NoticeCause, NoticeObject};
use paceline_core::pace::PacingLaw;
use paceline_core::report::Reason;
use paceline_core::table::{EntryState, TableEntry};
use paceline_core::units::{ArmId, CampaignId, ProducerId, Timestamp, WinId, Window};
use std::collections::{BTreeMap, BTreeSet};

/// Failures told in full; more are only counted.
const TOLD_MAX: usize = 50;
/// The greatest move of ln(multiplier × participation) a minute.
const SLEW_PER_MINUTE: f64 = 0.25;
/// What a move may exceed the slew by: moves below it are not published, so they come together.
const SLEW_SLACK: f64 = 0.02;

/// Everything of one producer up to `all_below` was seen, and what is in `beyond`.
#[derive(Debug, Default)]
struct Seen {
    all_below: u64,
    beyond: BTreeSet<u64>,
}

impl Seen {
    /// Whether it is new.
    fn note(&mut self, sequence: u64) -> bool {
        // Nearly all come in their order, and need no set.
        if sequence == self.all_below + 1 && self.beyond.is_empty() {
            self.all_below = sequence;
            return true;
        }
        if sequence <= self.all_below || !self.beyond.insert(sequence) {
            return false;
        }
        while self.beyond.remove(&(self.all_below + 1)) {
            self.all_below += 1;
        }
        true
    }
}

/// One campaign's money, as this bookkeeper has it.
#[derive(Debug, Default)]
struct Books {
    /// Every billed event: when it was served and what it cost.
    billed: Vec<(Timestamp, i128)>,
    /// Sums over the windows asked for so far.
    windows: BTreeMap<(Timestamp, Timestamp), i128>,
    /// Expected cost of wins without a billing.
    open: BTreeMap<WinId, i128>,
    open_sum: i128,
    last: Option<(Timestamp, TableEntry, Reason)>,
    is_edited: bool,
}

impl Books {
    fn bill(&mut self, served_at: Timestamp, price: i128) {
        self.billed.push((served_at, price));
        for (window, sum) in &mut self.windows {
            if window.0 <= served_at && served_at < window.1 {
                *sum += price;
            }
        }
    }

    fn spent_in(&mut self, window: Window) -> i128 {
        let (start, end) = (window.start(), window.end());
        *self.windows.entry((start, end)).or_insert_with(|| {
            let inside = |at: &Timestamp| start <= *at && *at < end;
            self.billed.iter().filter(|(at, _)| inside(at)).map(|(_, price)| price).sum()
        })
    }
}

/// The bookkeeper of a run.
#[derive(Debug, Default)]
pub struct Auditor {
    seen: BTreeMap<ProducerId, Seen>,
    books: BTreeMap<CampaignId, Books>,
    verdicts: BTreeMap<Verdict, u64>,
    /// Campaigns that are planted to be told of too often: what their books and promises come to
    /// together is not judged, for they claim more than was spent.
    pub miscounted: BTreeSet<CampaignId>,
    /// How many checks failed.
    pub failures: u64,
    /// The first of them, in full.
    pub told: Vec<String>,
}

impl Auditor {
    /// Opens the books; `miscounted` as there.
    #[must_use]
    pub fn new(miscounted: BTreeSet<CampaignId>) -> Self {
        Self { miscounted, ..Self::default() }
    }

    /// How many events had a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    fn fail(&mut self, now: Timestamp, what: &str) {
        self.failures += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(format!("at {} µs: {what}", now.as_micros()));
        }
    }

    /// An input and what it came to.
    pub fn observe(&mut self, at: Timestamp, input: &Input, applied: &Applied) {
        match (input.bare(), applied) {
            (Input::Spend(batch), Applied::Verdicts(verdicts)) => {
                if verdicts.len() != batch.events.len() {
                    self.fail(at, "not one verdict for each event");
                }
                for (event, verdict) in batch.events.iter().zip(verdicts) {
                    self.observe_event(at, batch, event, *verdict);
                }
            }
            (Input::Campaign(spec), Applied::Done) => {
                let books = self.books.entry(spec.id).or_default();
                books.is_edited = books.is_edited || books.last.is_some();
            }
            _ => {}
        }
    }

    fn observe_event(
        &mut self,
        at: Timestamp,
        batch: &SpendBatch,
        event: &SpendEvent,
        verdict: Verdict,
    ) {
        *self.verdicts.entry(verdict).or_default() += 1;
        let (Some(producer), Some(sequence)) = (batch.producer, event.sequence) else { return };
        let is_new = self.seen.entry(producer).or_default().note(sequence);
        let is_posted = matches!(verdict, Verdict::Posted | Verdict::PostedLate);
        if is_posted && !is_new {
            self.fail(at, &format!("event {} was posted twice", event.event_id));
        }
        if verdict == Verdict::Duplicate && is_new {
            self.fail(at, &format!("event {} is new and was called a duplicate", event.event_id));
        }
        if !is_posted || !is_new {
            return;
        }
        let books = self.books.entry(event.campaign).or_default();
        let price = i128::from(event.price.get());
        match event.kind {
            SpendKind::Win => {
                let billion = 1_000_000_000;
                let chance = i128::from(event.bill_probability.get());
                let expected = (price * chance + billion - 1) / billion;
                if let Some(win) = event.win_id {
                    books.open.insert(win, expected);
                    books.open_sum += expected;
                }
            }
            SpendKind::Billing => {
                if let Some(open) = event.win_id.and_then(|win| books.open.remove(&win)) {
                    books.open_sum -= open;
                }
                books.bill(event.attributed_at(), price);
            }
            SpendKind::Adjust => books.bill(event.attributed_at(), price),
        }
    }

    /// Everything that must hold after a decision round.
    pub fn check<L: PacingLaw>(&mut self, now: Timestamp, engine: &Engine<L>) {
        let mut complaints = Vec::new();
        for spec in engine.campaigns() {
            let Some((_, owners)) = engine.slots(spec.id) else { continue };
            let books = self.books.entry(spec.id).or_default();
            let is_hard = spec.billing == BillingEvent::Impression
                && !books.is_edited
                && !self.miscounted.contains(&spec.id);
            for account in engine.ledger().book(owners[0]).accounts() {
                check_account(books, account, is_hard, &mut |what| {
                    complaints.push(format!("{}: {what}", spec.name));
                });
            }
            for &owner in &owners[1..] {
                for account in engine.ledger().book(owner).accounts() {
                    if !is_balanced(account) {
                        complaints.push(format!("{}: its owner's books do not balance", spec.name));
                    }
                }
            }
            if let Some(entry) = engine.table().get(spec.id, ArmId(0)).copied() {
                if entry.multiplier > spec.multiplier_max {
                    complaints.push(format!("{}: multiplier above its maximum", spec.name));
                }
                let is_slewed =
                    spec.law == LawChoice::LogPid && spec.delivery != DeliveryMode::Asap;
                check_move(books, now, engine, entry, is_slewed, &mut |what| {
                    complaints.push(format!("{}: {what}", spec.name));
                });
            }
        }
        for complaint in complaints {
            self.fail(now, &complaint);
        }
    }
}

fn is_balanced(account: &Account) -> bool {
    let wide = |amount: paceline_core::units::Nanos| i128::from(amount.get());
    wide(account.granted) + wide(account.adjusted)
        == wide(account.available) + wide(account.in_flight) + wide(account.spent)
}

fn check_account(
    books: &mut Books,
    account: &Account,
    is_hard: bool,
    complain: &mut impl FnMut(String),
) {
    let wide = |amount: paceline_core::units::Nanos| i128::from(amount.get());
    if !is_balanced(account) {
        complain("the two sides do not balance".to_owned());
    }
    let spent = books.spent_in(account.window);
    if spent != wide(account.spent) {
        complain(format!("spent is {} nanos, the events say {spent}", account.spent.get()));
    }
    let in_flight = wide(account.in_flight);
    if in_flight < 0 || in_flight > books.open_sum {
        complain(format!("in flight is {in_flight} nanos, open wins are {}", books.open_sum));
    }
    let claimed = spent + in_flight + wide(account.outstanding);
    let cap = wide(account.granted) + wide(account.adjusted);
    if is_hard && claimed > cap {
        complain(format!("spent, in flight and promised are {claimed} nanos of {cap}"));
    }
}

/// A campaign that is told of as dark is helped up faster than the slew. CONTROL.md (86).
fn is_dark<L: PacingLaw>(engine: &Engine<L>, campaign: CampaignId) -> bool {
    let object = NoticeObject::Owner(BudgetOwner::Campaign(campaign));
    engine.notices().any(|one| one.cause == NoticeCause::Blackout && one.object == object)
}

/// Published moves keep to the slew, except where a hand, the brake, the guard, blindness or the
/// edge of a window is the reason on either side.
fn check_move<L: PacingLaw>(
    books: &mut Books,
    now: Timestamp,
    engine: &Engine<L>,
    entry: TableEntry,
    is_slewed: bool,
    complain: &mut impl FnMut(String),
) {
    let signal =
        |entry: &TableEntry| entry.multiplier.ppm().as_f64() * entry.participation.ppm().as_f64();
    let is_same = books.last.as_ref().is_some_and(|(_, last, _)| *last == entry);
    let reason = match (&books.last, is_same) {
        (Some((_, _, reason)), true) => *reason,
        _ => engine.explain(entry.campaign).map_or(Reason::Unbounded, |told| told.reason),
    };
    if let Some((at, last, before)) = &books.last
        && is_slewed
        && !is_same
        && (last.state, entry.state) == (EntryState::Run, EntryState::Run)
        && (*before, reason) == (Reason::Law, Reason::Law)
        && signal(last) > 0.0
        && signal(&entry) > 0.0
    {
        let moved = libm::log(signal(&entry) / signal(last)).abs();
        let most = SLEW_PER_MINUTE * (now - *at).as_minutes() + SLEW_SLACK;
        let helped = core::f64::consts::LN_2 * (now - *at).as_minutes() + SLEW_SLACK;
        if moved > most && !(moved <= helped && is_dark(engine, entry.campaign)) {
            complain(format!("its signal moved by {moved:.3}, at most {most:.3} is due"));
        }
    }
    books.last = Some((now, entry, reason));
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_core::units::Results;
    use paceline_core::units::{EventId, Nanos, Ppb, Span};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(seconds)
    }

    fn batch(sequence: u64) -> Input {
        Input::Spend(SpendBatch {
            producer: Some(ProducerId::of("p")),
            reported_through: None,
            events: vec![SpendEvent {
                event_id: EventId::from_key(sequence),
                sequence: Some(sequence),
                campaign: CampaignId::of("c"),
                arm: ArmId(0),
                kind: SpendKind::Billing,
                win_id: None,
                price: Nanos::new(10),
                bill_probability: Ppb::ONE,
                expected_results: Results::ZERO,
                served_at: None,
                occurred_at: at(5),
            }],
        })
    }

    #[test]
    fn an_event_posted_twice_is_noticed() {
        let mut auditor = Auditor::default();
        let posted = Applied::Verdicts(vec![Verdict::Posted]);
        auditor.observe(at(6), &batch(2), &posted);
        auditor.observe(at(6), &batch(1), &posted);
        assert_eq!(auditor.failures, 0);
        auditor.observe(at(7), &batch(2), &posted);
        assert_eq!(auditor.failures, 1);
    }

    #[test]
    fn a_new_event_called_a_duplicate_is_noticed() {
        let mut auditor = Auditor::default();
        auditor.observe(at(6), &batch(1), &Applied::Verdicts(vec![Verdict::Duplicate]));
        assert_eq!((auditor.failures, auditor.count(Verdict::Duplicate)), (1, 1));
    }

    #[test]
    fn money_is_summed_in_the_window_it_was_served_in() {
        let mut auditor = Auditor::default();
        auditor.observe(at(6), &batch(1), &Applied::Verdicts(vec![Verdict::Posted]));
        let books = auditor.books.get_mut(&CampaignId::of("c")).unwrap();
        let window = |from, to| Window::try_new(at(from), at(to)).unwrap();
        assert_eq!((books.spent_in(window(0, 5)), books.spent_in(window(5, 6))), (0, 10));
    }
}
