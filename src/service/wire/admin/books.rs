//! Books, verdicts and money set aside, to messages.

use super::super::instant_message;
use paceline_core::budget::Horizon;
use paceline_core::campaign::CampaignSpec;
use paceline_core::engine::Engine;
use paceline_core::event::{SpendKind, Verdict};
use paceline_core::ledger::Account;
use paceline_core::ledger::suspense::SuspendedEvent;
use paceline_core::units::{CampaignId, Nanos};
use paceline_proto::v1;
use std::collections::BTreeMap;

/// Money set aside, by campaign: added up once for a whole answer.
#[derive(Debug, Default)]
pub struct Suspended(BTreeMap<CampaignId, Nanos>);

impl Suspended {
    /// Of every campaign of an engine.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let mut sums = BTreeMap::new();
        for held in engine.ledger().suspense().events() {
            let sum: &mut Nanos = sums.entry(held.event.campaign).or_default();
            *sum = sum.saturating_add(held.event.price);
        }
        Self(sums)
    }

    /// Of one campaign.
    #[must_use]
    pub fn of_one(engine: &Engine, campaign: CampaignId) -> Self {
        Self(BTreeMap::from([(campaign, engine.ledger().suspense().of(campaign).1)]))
    }
}

/// One account.
pub(super) fn account_books(account: &Account) -> v1::Books {
    v1::Books {
        budget_nanos: account.granted.get(),
        granted_nanos: account.granted.get(),
        adjusted_nanos: account.adjusted.get(),
        available_nanos: account.available.get(),
        in_flight_nanos: account.in_flight.get(),
        spent_nanos: account.spent.get(),
        suspense_nanos: 0,
    }
}

/// A campaign's own books, all flights together: those of its flights where they state budgets,
/// else those of its longest cap, as far as they were opened.
#[must_use]
pub fn totals_message(
    engine: &Engine,
    spec: &CampaignSpec,
    suspended: &Suspended,
) -> v1::CampaignTotals {
    let currency = engine.advertiser(spec.advertiser).map(|payer| payer.currency.to_string());
    let mut books = v1::Books::default();
    if let Some((_, owners)) = engine.slots(spec.id)
        && let Some(&own) = owners.first()
    {
        let book = engine.ledger().book(own);
        let flights = spec.budgets.flights.iter().filter_map(|flight| flight.budget);
        let stated = flights.fold(Nanos::ZERO, Nanos::saturating_add);
        let horizon = if stated > Nanos::ZERO {
            Some(Horizon::Flight)
        } else {
            spec.budgets.caps.iter().map(|cap| cap.horizon).max()
        };
        let accounts = book.accounts().iter().filter(|account| Some(account.horizon) == horizon);
        let (opened, adjusted) = accounts.fold((Nanos::ZERO, Nanos::ZERO), |sums, account| {
            let opened = sums.0.saturating_add(account.granted);
            (opened, sums.1.saturating_add(account.adjusted))
        });
        let granted = if stated > Nanos::ZERO { stated } else { opened };
        let totals = book.totals();
        let drawn = totals.in_flight.get().saturating_add(totals.billed.get());
        let cap = granted.get().saturating_add(adjusted.get());
        books = v1::Books {
            budget_nanos: granted.get(),
            granted_nanos: granted.get(),
            adjusted_nanos: adjusted.get(),
            available_nanos: cap.saturating_sub(drawn),
            in_flight_nanos: totals.in_flight.get(),
            spent_nanos: totals.billed.get(),
            suspense_nanos: suspended.0.get(&spec.id).map_or(0, |sum| sum.get()),
        };
    }
    v1::CampaignTotals {
        campaign_id: spec.name.to_string(),
        campaign_key: spec.id.key(),
        currency: currency.unwrap_or_default(),
        books: Some(books),
    }
}

const fn verdict_number(verdict: Verdict) -> i32 {
    let verdict = match verdict {
        Verdict::Posted => v1::SpendVerdict::Posted,
        Verdict::Duplicate => v1::SpendVerdict::Duplicate,
        Verdict::PostedLate => v1::SpendVerdict::PostedLate,
        Verdict::LateUnverified => v1::SpendVerdict::LateUnverified,
        Verdict::UnknownCampaign => v1::SpendVerdict::UnknownCampaign,
        Verdict::WrongSource => v1::SpendVerdict::WrongSource,
        Verdict::ProducerRefused => v1::SpendVerdict::ProducerRefused,
        Verdict::Invalid => v1::SpendVerdict::Invalid,
        Verdict::OutsideFlight => v1::SpendVerdict::OutsideFlight,
        Verdict::RefundUnmatched => v1::SpendVerdict::RefundUnmatched,
    };
    verdict as i32
}

/// How often each verdict was given; those never given are left out.
#[must_use]
pub fn verdict_counts(engine: &Engine) -> Vec<v1::VerdictCount> {
    let counts = engine.ledger().verdicts().filter(|(_, count)| *count > 0);
    let counts =
        counts.map(|(verdict, count)| v1::VerdictCount { verdict: verdict_number(verdict), count });
    counts.collect()
}

/// An event set aside.
#[must_use]
pub fn suspense_item(engine: &Engine, held: &SuspendedEvent) -> v1::SuspenseItem {
    let kind = match held.event.kind {
        SpendKind::Win => v1::SpendKind::Win,
        SpendKind::Billing => v1::SpendKind::Billing,
        SpendKind::Adjust => v1::SpendKind::Adjust,
    };
    v1::SuspenseItem {
        event_key: held.event.event_id.key(),
        campaign_key: held.event.campaign.key(),
        campaign_id: engine.campaign(held.event.campaign).map(|spec| spec.name.to_string()),
        verdict: verdict_number(held.reason),
        kind: kind as i32,
        price_nanos: held.event.price.get(),
        occurred_at: Some(instant_message(held.event.occurred_at)),
        received_at: Some(instant_message(held.received_at)),
    }
}
