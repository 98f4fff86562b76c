//! What people changed, a page at a time; and everything that is configured.
//!
//! Reads each partition's trail and engine in one question; changes nothing.

use super::find::{Engine, Timestamp};
use super::list::{gather, page_size};
use super::loop_status;
use crate::audit::{Record, Sealed, Trail};
use crate::control_loop::LoopError;
use crate::partition::Partitions;
use crate::wire::catalogue::{items, page};
use crate::wire::paging::PageBound;
use crate::wire::{self, Refusal, optional_instant};
use paceline_proto::v1;
use tonic::Status;

/// A record's place in the order of all partitions.
type Place = (Timestamp, u32, u64);

/// Which records are asked for.
#[derive(Debug, Clone)]
struct Wanted {
    kind: String,
    id: String,
    author: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    is_oldest_first: bool,
    number: Option<u64>,
    /// The last one told.
    after: Option<Place>,
    bound: PageBound,
}

impl Wanted {
    fn read(request: &v1::ListAuditRequest) -> Result<Self, Refusal> {
        let token = &request.page_token;
        let after = if token.is_empty() { None } else { Some(place(token)?) };
        Ok(Self {
            kind: request.object_kind.clone(),
            id: request.object_id.clone(),
            author: request.author.clone(),
            from: optional_instant("from", request.from.as_ref())?,
            until: optional_instant("until", request.until.as_ref())?,
            is_oldest_first: request.is_oldest_first,
            number: request.number,
            after,
            bound: PageBound::of(page_size(request.page_size)?),
        })
    }

    fn fits(&self, partition: u32, record: &Record) -> bool {
        let is = |asked: &str, told: &str| asked.is_empty() || asked == told;
        let place = (record.at, partition, record.number);
        let follows = self
            .after
            .is_none_or(|after| if self.is_oldest_first { place > after } else { place < after });
        follows
            && is(&self.kind, &record.object.kind)
            && is(&self.id, &record.object.id)
            && is(&self.author, &record.author)
            && self.from.is_none_or(|from| record.at >= from)
            && self.until.is_none_or(|until| record.at < until)
    }

    /// One more than a page, in the order asked for.
    fn pick(&self, partition: u32, trail: &Trail) -> Vec<Sealed> {
        let fits = |sealed: &&Sealed| self.fits(partition, &sealed.record);
        let found: Vec<&Sealed> = match self.number {
            Some(number) => self.bound.first(trail.get(number).filter(fits), size),
            None if self.is_oldest_first => self.bound.first(trail.iter().filter(fits), size),
            None => self.bound.first(trail.iter().rev().filter(fits), size),
        };
        found.into_iter().cloned().collect()
    }
}

/// Bytes of a record on the wire, about.
fn size(sealed: &&Sealed) -> usize {
    usize::try_from(sealed.record.bytes()).unwrap_or(usize::MAX)
}

fn place(token: &str) -> Result<Place, Refusal> {
    let read = || {
        let mut words = token.split('/');
        let at = Timestamp::from_micros(words.next()?.parse().ok()?);
        let place = (at, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        words.next().is_none().then_some(place)
    };
    let rule = "must be the one of the page before";
    read().ok_or_else(|| Refusal::new("page_token", token, rule))
}

/// A page of what people changed.
pub(super) async fn changes(
    partitions: &Partitions,
    request: &v1::ListAuditRequest,
) -> Result<v1::ListAuditResponse, Status> {
    let wanted = Wanted::read(request)?;
    let mut found: Vec<(u32, Sealed)> = Vec::new();
    let mut trails = Vec::new();
    for handle in partitions.all() {
        let partition = u32::from(handle.partition().0);
        if request.partition.is_some_and(|only| only != partition) {
            continue;
        }
        let asked = wanted.clone();
        let question = move |_: &Engine, trail: &Trail| {
            (wire::audit::trail_message(partition, trail), asked.pick(partition, trail))
        };
        let told = match handle.ask_trail(question).await {
            Ok(told) => told,
            Err(LoopError::NotLeader { .. }) if request.is_led_only => continue,
            Err(error) => return Err(loop_status(&error)),
        };
        trails.push(told.0);
        found.extend(told.1.into_iter().map(|sealed| (partition, sealed)));
    }
    let key =
        |(partition, sealed): &(u32, Sealed)| (sealed.record.at, *partition, sealed.record.number);
    found.sort_by_key(key);
    if !wanted.is_oldest_first {
        found.reverse();
    }
    let has_more = wanted.bound.cut(&mut found, |(_, sealed)| size(&sealed));
    let token = |(at, partition, number): Place| format!("{}/{partition}/{number}", at.as_micros());
    let next = found.last().filter(|_| has_more).map(key).map(token);
    let records =
        found.iter().map(|(partition, sealed)| wire::audit::record_message(*partition, sealed));
    Ok(v1::ListAuditResponse {
        records: records.collect(),
        trails,
        next_page_token: next.unwrap_or_default(),
    })
}

/// A page of everything that is configured.
pub(super) async fn catalogue(
    partitions: &Partitions,
    request: v1::GetCatalogueRequest,
) -> Result<v1::GetCatalogueResponse, Status> {
    let bound = PageBound::of(page_size(request.page_size)?);
    let is_led_only = request.is_led_only;
    let question = move |engine: &Engine| items(engine, &request.page_token, bound);
    Ok(page(gather(partitions, is_led_only, question).await?, bound))
}
