//! One campaign alone against a trace: its purses, and the tally of what it bought.
//!
//! A price taker: what it buys moves no price and no other player. Called by `policy`.

use super::{PriceRule, TieRule};
use crate::trace::auctions::AuctionRow;
use crate::trace::orders::{Order, Orders};
use paceline_calendar::Zone;
use paceline_core::budget::Horizon;
use paceline_core::units::{CpmMicros, Name, Nanos, Span, Timestamp, Window};

/// More money than any file can spend.
const NO_BOUND: Nanos = Nanos::new(i64::MAX);

/// What is bid for an impression and how it is sold.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// What the policy bids.
    pub bid: CpmMicros,
    /// What is paid.
    pub price: PriceRule,
    /// Who wins a tie.
    pub tie: TieRule,
    /// What the impression is worth in nanos, if known.
    pub value: Option<f64>,
}

/// What a player bought.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Auctions offered inside its flights and segments.
    pub eligible: u64,
    /// Impressions bought.
    pub wins: u64,
    /// Exactly what they cost.
    pub spend: Nanos,
    /// Clicks on them; `None` until a row that it could have says anything of clicks.
    pub clicks: Option<u64>,
    /// Auctions it would have won with more money left.
    pub skipped_for_budget: u64,
    /// Row of its last win.
    pub last_win: Option<u64>,
    /// Worth of the impressions whose worth is known, in nanos.
    pub value: f64,
    /// Impressions whose worth is known.
    pub valued_wins: u64,
    /// When 95 % of the budget was spent.
    pub at_95: Option<Timestamp>,
}

/// Windows in order, each with the money left in it. Time only goes forwards.
#[derive(Debug, Clone)]
struct Purses {
    left: Vec<(Window, Nanos)>,
    cursor: usize,
}

impl Purses {
    fn new(left: Vec<(Window, Nanos)>) -> Self {
        Self { left, cursor: 0 }
    }

    /// The money left in the window that holds `at`.
    fn at(&mut self, at: Timestamp) -> Option<&mut Nanos> {
        while self.left.get(self.cursor).is_some_and(|(window, _)| window.end() <= at) {
            self.cursor += 1;
        }
        let (window, left) = self.left.get_mut(self.cursor)?;
        window.contains(at).then_some(left)
    }
}

/// One campaign alone against a trace.
#[derive(Debug, Clone)]
pub struct Player {
    name: Option<Name>,
    /// Absent where it wants everything and caps nothing.
    order: Option<Order>,
    flights: Purses,
    days: Option<Purses>,
    budget: Option<Nanos>,
    start: Option<Timestamp>,
    tally: Tally,
}

impl Player {
    /// A nameless player that wants every row, with at most one budget for the whole file.
    #[must_use]
    pub fn alone(budget: Option<Nanos>) -> Self {
        let always = Window::try_new(Timestamp::MIN, Timestamp::MAX + Span::DAY)
            .expect("1970 is before 2200");
        Self {
            name: None,
            order: None,
            flights: Purses::new(vec![(always, budget.unwrap_or(NO_BOUND))]),
            days: None,
            budget,
            start: None,
            tally: Tally::default(),
        }
    }

    fn from_order(order: &Order, zone: &Zone) -> Self {
        let budgets = &order.spec.budgets;
        let flights: Vec<(Window, Nanos)> = budgets
            .flights
            .iter()
            .map(|flight| (flight.window, flight.budget.unwrap_or(NO_BOUND)))
            .collect();
        let days = budgets.cap(Horizon::Day).map(|cap| days_of(&flights, zone, cap));
        Self {
            name: Some(order.spec.name.clone()),
            order: Some(order.clone()),
            budget: Some(budget_of(&flights, days.as_deref())),
            start: flights.first().map(|(window, _)| window.start()),
            flights: Purses::new(flights),
            days: days.map(Purses::new),
            tally: Tally::default(),
        }
    }

    /// Its campaign's name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The most it may spend; `None` is no bound.
    #[must_use]
    pub fn budget(&self) -> Option<Nanos> {
        self.budget
    }

    /// What it bought.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Minutes from the start of its first flight (or the first row) to 95 % of its budget.
    #[must_use]
    pub fn minutes_to_95(&self) -> Option<f64> {
        Some((self.tally.at_95? - self.start?).as_minutes())
    }

    /// Offers it an auction. An impression dearer than the money left is passed over, and the
    /// player goes on. `None` when the spend no longer fits 64 bits.
    #[must_use]
    pub fn offer(&mut self, row: &AuctionRow, sale: Sale) -> Option<()> {
        self.start.get_or_insert(row.at);
        let Some(flight) = self.flights.at(row.at) else { return Some(()) };
        let mut bid = sale.bid;
        if let Some(order) = &self.order {
            if !order.wants(row.segment) {
                return Some(());
            }
            bid = order.spec.value_cap.map_or(bid, |cap| cap.min(bid));
        }
        self.tally.eligible += 1;
        if row.click.is_some() {
            self.tally.clicks.get_or_insert(0);
        }
        if !sale.tie.wins(bid, row.min_to_win) {
            return Some(());
        }
        let price = sale.price.price(row, bid).per_impression();
        let day = self.days.as_mut().and_then(|days| days.at(row.at));
        if price > *flight || day.as_ref().is_some_and(|left| price > **left) {
            self.tally.skipped_for_budget += 1;
            // Without a budget only the range of the integer can be in the way.
            return self.budget.map(|_| ());
        }
        *flight -= price;
        if let Some(left) = day {
            *left -= price;
        }
        self.post(row, price, sale.value)
    }

    fn post(&mut self, row: &AuctionRow, price: Nanos, value: Option<f64>) -> Option<()> {
        let tally = &mut self.tally;
        tally.wins += 1;
        tally.spend = Nanos::new(tally.spend.get().checked_add(price.get())?);
        tally.last_win = Some(row.index);
        if let Some(click) = row.click {
            tally.clicks = Some(tally.clicks.unwrap_or(0) + u64::from(click));
        }
        if let Some(value) = value {
            tally.value += value;
            tally.valued_wins += 1;
        }
        let is_near = |budget: Nanos| tally.spend >= budget.mul_div(95, 100);
        if tally.at_95.is_none() && self.budget.is_some_and(is_near) {
            tally.at_95 = Some(row.at);
        }
        Some(())
    }
}

/// A player for each campaign.
pub(super) fn from_orders(orders: &Orders) -> Vec<Player> {
    orders
        .campaigns
        .iter()
        .map(|order| {
            let payer = orders.advertisers.iter().find(|payer| payer.id == order.spec.advertiser);
            let zone = payer.expect("every order's advertiser is listed").zone_name.as_str();
            Player::from_order(order, &Zone::try_new(zone).expect("the reader checked the zone"))
        })
        .collect()
}

/// The local days that meet a flight, each with the whole daily budget.
fn days_of(flights: &[(Window, Nanos)], zone: &Zone, cap: Nanos) -> Vec<(Window, Nanos)> {
    let mut days: Vec<(Window, Nanos)> = flights
        .iter()
        .flat_map(|(flight, _)| zone.days(flight.start(), flight.end() - Span::from_micros(1)))
        .map(|day| (day.window, cap))
        .collect();
    days.dedup_by_key(|(window, _)| *window);
    days
}

/// The most that flights and days together allow.
fn budget_of(flights: &[(Window, Nanos)], days: Option<&[(Window, Nanos)]>) -> Nanos {
    let sum =
        |amounts: &mut dyn Iterator<Item = Nanos>| amounts.fold(Nanos::ZERO, Nanos::saturating_add);
    let Some(days) = days else {
        return sum(&mut flights.iter().map(|(_, budget)| *budget));
    };
    let of_flights = flights.iter().map(|(flight, budget)| {
        let mut inside = days.iter().filter(|(day, _)| day.intersect(*flight).is_some());
        sum(&mut inside.by_ref().map(|(_, cap)| *cap)).min(*budget)
    });
    let by_flight = sum(&mut of_flights.into_iter());
    by_flight.min(sum(&mut days.iter().map(|(_, cap)| *cap)))
}
