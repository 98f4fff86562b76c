//! Tables, allowances and what bidders say of them, to messages and back.

use super::{Refusal, bare_key, generation, generation_message, instant, instant_message, key};
use crate::publish::{EncodedDelta, EncodedShades, EncodedTable, News};
use paceline_core::hash::Digest;
pub use paceline_core::input::Input;
use paceline_core::input::{AllowanceDraw, BidderChange, HeldAllowance};
use paceline_core::ledger::PRICE_MAX;
use paceline_core::table::codec::ENTRY_BYTES;
use paceline_core::table::{Allowance, Lease};
pub use paceline_core::units::{BidderId, Generation, PartitionId};
use paceline_core::units::{CampaignId, Nanos, Timestamp};
use paceline_proto::v1;
use std::collections::BTreeMap;

/// Tables and allowances a bidder may name in one message: more than any process can hold.
const HELD_MAX: usize = 1_000_000;
/// Entries on a page: two megabytes, half of what a client takes in one message by default.
pub const PAGE_ENTRIES: usize = (2 << 20) / ENTRY_BYTES;

/// Who reads, and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// Absent: a reader without allowances.
    pub bidder: Option<BidderId>,
    /// The table it holds, by partition.
    pub tables: BTreeMap<PartitionId, Generation>,
    /// What it may still commit.
    pub held: Vec<HeldAllowance>,
    /// The schedules it holds, by partition; absent: it wants none.
    pub shades: Option<BTreeMap<PartitionId, Generation>>,
}

/// What a reader says of itself.
///
/// # Errors
/// The first rule it breaks.
pub fn hello(
    bidder_id: Option<&str>,
    tables: &[v1::HeldTable],
    held: &[v1::HeldAllowance],
) -> Result<Hello, Refusal> {
    if tables.len() + held.len() > HELD_MAX {
        let rule = "must be at most 1000000 long, with held_tables";
        return Err(Refusal::new("held_allowances", format!("{} long", held.len()), rule));
    }
    let bidder = bidder_id.map(|id| key("bidder_id", id, BidderId::of)).transpose()?;
    let mut known = BTreeMap::new();
    for table in tables {
        let partition = super::partition("held_tables.partition", table.partition)?;
        known.insert(partition, table.generation.map(generation).unwrap_or_default());
    }
    let held = held.iter().map(held_allowance).collect::<Result<_, _>>()?;
    Ok(Hello { bidder, tables: known, held, shades: None })
}

/// The schedules that a reader says it holds; nothing where it wants none.
///
/// # Errors
/// The first rule it breaks.
pub fn held_shades(
    wants_shading: bool,
    held_shading: &[v1::HeldTable],
) -> Result<Option<BTreeMap<PartitionId, Generation>>, Refusal> {
    if !wants_shading {
        return Ok(None);
    }
    if held_shading.len() > usize::from(u8::MAX) + 1 {
        let length = format!("{} long", held_shading.len());
        return Err(Refusal::new("held_shading", length, "must be at most 256 long"));
    }
    let held = held_shading.iter().map(|set| {
        let partition = super::partition("held_shading.partition", set.partition)?;
        Ok((partition, set.generation.map(generation).unwrap_or_default()))
    });
    held.collect::<Result<_, _>>().map(Some)
}

impl Hello {
    /// Whether every table it names is of a partition that there is.
    ///
    /// # Errors
    /// [`Refusal`] otherwise: the reader belongs to another service.
    pub fn check(&self, partitions: u8) -> Result<(), Refusal> {
        let Some(beyond) = self.tables.keys().find(|held| held.0 >= partitions) else {
            return Ok(());
        };
        let rule = format!("must be below {partitions}, the number of partitions");
        Err(Refusal::new("held_tables.partition", beyond.0, rule))
    }
}

fn held_allowance(held: &v1::HeldAllowance) -> Result<HeldAllowance, Refusal> {
    let campaign =
        bare_key("held_allowances.campaign_key", held.campaign_key, CampaignId::from_key)?;
    if held.left_nanos < 0 {
        let field = "held_allowances.left_nanos";
        return Err(Refusal::new(field, held.left_nanos, "must not be negative"));
    }
    Ok(HeldAllowance {
        campaign,
        window_start: instant("held_allowances.window_start", held.window_start.as_ref())?,
        left: Nanos::new(held.left_nanos),
    })
}

/// A bidder came.
#[must_use]
pub fn joined(bidder: BidderId, hello: &Hello, partition: PartitionId) -> Input {
    Input::Bidder(BidderChange::Joined {
        bidder,
        holds: hello.tables.get(&partition).copied(),
        held: hello.held.clone(),
    })
}

/// A bidder runs a table.
#[must_use]
pub fn acknowledged(bidder: BidderId, generation: Generation) -> Input {
    Input::Bidder(BidderChange::Acknowledged { bidder, generation })
}

/// A bidder went.
#[must_use]
pub fn left(bidder: BidderId) -> Input {
    Input::Bidder(BidderChange::Left { bidder })
}

/// An acknowledgement: which table of which partition.
///
/// # Errors
/// The rule it breaks.
pub fn acknowledgement(
    message: &v1::WatchAcknowledgement,
) -> Result<(PartitionId, Generation), Refusal> {
    let partition = super::partition("acknowledgement.partition", message.partition)?;
    let held = message.generation.ok_or_else(|| Refusal::absent("acknowledgement.generation"))?;
    Ok((partition, generation(held)))
}

/// A draw.
///
/// # Errors
/// The first rule it breaks.
pub fn draw(message: &v1::DrawAllowanceRequest) -> Result<AllowanceDraw, Refusal> {
    if message.price_nanos <= 0 {
        return Err(Refusal::new("price_nanos", message.price_nanos, "must be above zero"));
    }
    if message.price_nanos > PRICE_MAX.get() {
        let rule = format!("must be at most {}", PRICE_MAX.get());
        return Err(Refusal::new("price_nanos", message.price_nanos, rule));
    }
    Ok(AllowanceDraw {
        bidder: key("bidder_id", &message.bidder_id, BidderId::of)?,
        campaign: bare_key("campaign_key", message.campaign_key, CampaignId::from_key)?,
        price: Nanos::new(message.price_nanos),
    })
}

/// An allowance as it travels.
#[must_use]
pub fn allowance_message(held: &Allowance) -> v1::Allowance {
    v1::Allowance {
        campaign_key: held.campaign.key(),
        window_start: Some(instant_message(held.window_start)),
        window_end: Some(instant_message(held.window_end)),
        granted_total_nanos: held.granted_total.get(),
        expires_at: Some(instant_message(held.expires_at)),
    }
}

fn digest_message(digest: Digest) -> v1::TableDigest {
    let (high, low) = digest.halves();
    v1::TableDigest { high, low }
}

fn lease_message(lease: Lease) -> v1::Lease {
    v1::Lease {
        valid_until: Some(instant_message(lease.valid_until)),
        grace_until: Some(instant_message(lease.grace_until)),
    }
}

/// What is sent to one bidder about one partition at one time.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// Which partition.
    pub partition: PartitionId,
    /// The server's clock.
    pub now: Timestamp,
    /// Of the table in force.
    pub lease: Lease,
    /// The generation in force, for a heartbeat.
    pub standing: Generation,
    /// What the bidder may commit.
    pub allowances: &'a [Allowance],
}

/// The messages that tell some news: one for a heartbeat, one a delta, one a page.
#[must_use]
pub fn updates(telling: &Telling<'_>, news: &News) -> Vec<v1::PartitionUpdate> {
    use v1::partition_update::News as Message;
    match news {
        News::Nothing => {
            let generation = Some(generation_message(telling.standing));
            vec![update(telling, Message::Heartbeat(v1::TableHeartbeat { generation }))]
        }
        News::Deltas(deltas) => deltas
            .iter()
            .map(|delta| update(telling, Message::Delta(delta_message(delta))))
            .collect(),
        News::Table(table) => (0..table.count.max(1))
            .step_by(PAGE_ENTRIES)
            .map(|from| update(telling, Message::Page(page_message(table, from))))
            .collect(),
    }
}

fn update(telling: &Telling<'_>, news: v1::partition_update::News) -> v1::PartitionUpdate {
    v1::PartitionUpdate {
        partition: u32::from(telling.partition.0),
        server_time: Some(instant_message(telling.now)),
        lease: Some(lease_message(telling.lease)),
        news: Some(news),
        allowances: telling.allowances.iter().map(allowance_message).collect(),
        shading: None,
    }
}

/// The message of a change of schedules, or of a part of them.
#[must_use]
pub fn shading_update(telling: &Telling<'_>, shades: &EncodedShades) -> v1::PartitionUpdate {
    let message = v1::ShadingUpdate {
        base_generation: shades.base.map(generation_message),
        generation: Some(generation_message(shades.generation)),
        part: shades.part.0,
        parts: shades.part.1,
        schedules: shades.schedules.clone(),
        segments: shades.segments.clone(),
        digest: Some(digest_message(shades.digest)),
        set_digest: Some(digest_message(shades.set_digest)),
        next_page_token: String::new(),
    };
    v1::PartitionUpdate {
        partition: u32::from(telling.partition.0),
        server_time: Some(instant_message(telling.now)),
        shading: Some(message),
        ..v1::PartitionUpdate::default()
    }
}

fn delta_message(delta: &EncodedDelta) -> v1::TableDelta {
    v1::TableDelta {
        base_generation: Some(generation_message(delta.head.base)),
        generation: Some(generation_message(delta.head.generation)),
        as_of: Some(instant_message(delta.head.as_of)),
        entry_bytes: entry_bytes(),
        changed: delta.changed.clone(),
        removed: delta.removed.clone(),
        digest: Some(digest_message(delta.head.digest)),
    }
}

/// The page of a table that begins with entry `from`.
#[must_use]
pub fn page_message(table: &EncodedTable, from: usize) -> v1::TablePage {
    let to = (from + PAGE_ENTRIES).min(table.count);
    let count = |entries: usize| u64::try_from(entries).unwrap_or(u64::MAX);
    v1::TablePage {
        generation: Some(generation_message(table.head.generation)),
        as_of: Some(instant_message(table.head.as_of)),
        entries_total: count(table.count),
        entries_before: count(from),
        entry_bytes: entry_bytes(),
        entries: table.entries.slice(from * ENTRY_BYTES..to * ENTRY_BYTES),
        digest: Some(digest_message(table.head.digest)),
        next_page_token: String::new(),
    }
}

fn entry_bytes() -> u32 {
    u32::try_from(ENTRY_BYTES).expect("a small constant")
}
