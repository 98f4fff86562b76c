//! The data folder: traffic curves, campaigns and auctions out of trace files.
//!
//! A file that is not there is no complaint: the scenario is then skipped, by name. Called by the
//! check.

use super::complaint::Complaints;
use super::raw::{RawAuction, RawRecord};
use crate::market::auction::{Auction, Recorded};
use crate::market::traffic::{Curve, Cycle};
use crate::trace::auctions::{self, AuctionKind, AuctionOptions, AuctionRow};
use crate::trace::campaigns::{self, CampaignOptions, CampaignRow};
use crate::trace::traffic::{self, Slot};
use paceline_core::bid::AuctionType;
use paceline_core::units::{SegmentId, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Columns of values by name, one number for each auction of the record.
pub(super) type Columns = BTreeMap<String, Arc<[f64]>>;

/// Where `data = "…"` keys lead.
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// A folder, which need not exist.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The path of a file of the folder; `None`, noted, if it is not there.
    fn find(&self, file: &str, complaints: &mut Complaints) -> Option<PathBuf> {
        let path = self.root.join(file);
        if path.is_file() {
            return Some(path);
        }
        complaints.wanted.get_or_insert_with(|| file.to_owned());
        None
    }

    /// The rows of a campaign file.
    pub(super) fn campaigns(
        &self,
        at: &str,
        file: &str,
        complaints: &mut Complaints,
    ) -> Vec<CampaignRow> {
        let Some(path) = self.find(file, complaints) else { return Vec::new() };
        match campaigns::read(&path, &CampaignOptions::default()) {
            Ok(read) => read.rows,
            Err(error) => {
                complaints.add(format!("{at}.data"), file, &error.to_string());
                Vec::new()
            }
        }
    }

    /// The cyclic curve of one segment of a traffic file.
    pub(super) fn curve(
        &self,
        at: &str,
        file: &str,
        segment: &str,
        complaints: &mut Complaints,
    ) -> Option<Curve> {
        let path = self.find(file, complaints)?;
        let read = read_curve(&path, SegmentId::of(segment));
        read.map_err(|rule| complaints.add(at, format_args!("{file} {segment:?}"), &rule)).ok()
    }

    /// The auctions of a trace, and the columns of values asked for.
    pub(super) fn record(
        &self,
        at: &str,
        raw: &RawRecord,
        complaints: &mut Complaints,
    ) -> (Vec<Auction>, Columns) {
        let Some(path) = self.find(&raw.data, complaints) else {
            return (Vec::new(), Columns::new());
        };
        read_record(&path, raw).unwrap_or_else(|rule| {
            complaints.add(format!("{at}.data"), &raw.data, &rule);
            (Vec::new(), Columns::new())
        })
    }
}

fn read_curve(path: &Path, segment: SegmentId) -> Result<Curve, String> {
    let mut heights: Vec<f64> = Vec::new();
    let mut length = Span::ZERO;
    for row in traffic::open(path).map_err(|error| error.to_string())? {
        let row = row.map_err(|error| error.to_string())?;
        if row.segment != segment {
            continue;
        }
        let Slot::Numbered(slot) = row.slot else {
            return Err("must be a cycle of numbered slots".to_owned());
        };
        let place = usize::try_from(slot).map_err(|error| error.to_string())?;
        if place >= 10_080 {
            return Err("a cycle has at most 10080 slots: the minutes of a week".to_owned());
        }
        let requests = row.requests.map(crate::number::real);
        let height = row.share.or(requests).or(row.value).unwrap_or(0.0);
        if heights.len() <= place {
            heights.resize(place + 1, 0.0);
        }
        heights[place] = height;
        length = row.length;
    }
    let slots = i64::try_from(heights.len()).map_err(|error| error.to_string())?;
    let cycle = match length.times(slots) {
        Span::DAY => Cycle::Day,
        week if week == Span::DAY.times(7) => Cycle::Week,
        _ => return Err("the segment's slots must fill a day or a week".to_owned()),
    };
    Curve::try_new(cycle, &heights).ok_or_else(|| "the segment has no traffic".to_owned())
}

fn read_record(path: &Path, raw: &RawRecord) -> Result<(Vec<Auction>, Columns), String> {
    let options =
        AuctionOptions { extra_columns: raw.value_columns.clone(), ..AuctionOptions::default() };
    let mut made = Vec::new();
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); raw.value_columns.len()];
    for row in auctions::open(path, &options).map_err(|error| error.to_string())? {
        let row = row.map_err(|error| error.to_string())?;
        for (place, column) in columns.iter_mut().enumerate() {
            column.push(row.extra(place).unwrap_or(0.0) * 1e3);
        }
        made.push(auction(&row, raw.auction));
    }
    let named = raw.value_columns.iter().cloned().zip(columns.into_iter().map(Arc::from));
    Ok((made, named.collect()))
}

/// A recorded auction as the market takes it. The price that ties for the win stands for the best
/// rival; the floor is kept at or below it, as real logs have wins below their own floor.
fn auction(row: &AuctionRow, forced: Option<RawAuction>) -> Auction {
    let recorded_type = match row.kind {
        AuctionKind::FirstPrice => AuctionType::FirstPrice,
        AuctionKind::SecondPrice | AuctionKind::Own(_) => AuctionType::SecondPrice,
        AuctionKind::FixedPrice => AuctionType::FixedPrice(row.min_to_win),
    };
    Auction {
        at: row.at,
        key: row.request,
        segment: 0,
        auction_type: match forced {
            None => recorded_type,
            Some(RawAuction::First) => AuctionType::FirstPrice,
            Some(RawAuction::Second) => AuctionType::SecondPrice,
        },
        floor: row.floor.unwrap_or_default().min(row.min_to_win),
        rival: row.min_to_win,
        recorded: Some(Recorded {
            index: u32::try_from(row.index).unwrap_or(u32::MAX),
            clicked: row.click,
            probability: None,
        }),
    }
}
