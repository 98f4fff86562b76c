//! `ctl wait`: until bidders run what has been changed up to now.
//!
//! A change holds from the next table on; so the table that is newest when this begins is not
//! enough, and the one after it is. Each partition counts its own tables.

use super::{Caller, CtlError, pretty};
use crate::args::ctl::WaitArgs;
use crate::clock::Stopwatch;
use paceline_proto::v1;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The pause between two looks: a tick is ten seconds by default, and a change hastens it.
const PAUSE: Duration = Duration::from_millis(200);

type Tables = BTreeMap<u32, (u32, u64)>;

/// The newest table of each partition that is led.
fn newest(told: &v1::GetStatusResponse) -> Tables {
    let table = |part: &v1::PartitionStatus| {
        part.generation.map(|held| (part.partition, (held.epoch, held.sequence)))
    };
    told.partitions.iter().filter_map(table).collect()
}

/// How far bidders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Every partition has decided since.
    is_decided: bool,
    /// Of all partitions together.
    bidders: u64,
    /// Of these, those that run a table decided since.
    live: u64,
}

impl Progress {
    fn of(told: &v1::GetStatusResponse, before: &Tables) -> Self {
        let now = newest(told);
        let is_past = |partition: u32, table: (u32, u64)| {
            before.get(&partition).is_none_or(|before| table > *before)
        };
        let is_decided = now.iter().all(|(partition, table)| is_past(*partition, *table));
        let (mut bidders, mut live) = (0, 0);
        for part in &told.partitions {
            for bidder in part.bidder_list.iter().filter(|bidder| !bidder.has_left) {
                let runs = bidder.runs.map(|held| (held.epoch, held.sequence));
                bidders += 1;
                live += u64::from(runs.is_some_and(|table| is_past(part.partition, table)));
            }
        }
        Self { is_decided, bidders, live }
    }

    /// Parts per million; all, when there is nobody.
    fn share_ppm(self) -> u64 {
        (self.live * 1_000_000).checked_div(self.bidders).unwrap_or(1_000_000)
    }
}

pub(super) async fn wait(caller: &mut Caller, args: WaitArgs) -> Result<String, CtlError> {
    let patience = Duration::from_micros(args.patience.as_micros().unsigned_abs());
    let begun = Stopwatch::start();
    let mut before = None;
    loop {
        let asked = caller.client.get_status(v1::GetStatusRequest {}).await;
        let told = caller.answer(asked)?;
        let before = before.get_or_insert_with(|| newest(&told));
        let progress = Progress::of(&told, before);
        let is_live = progress.share_ppm() >= u64::from(args.share.get());
        if progress.is_decided && is_live {
            return Ok(tell(caller.is_json, progress));
        }
        if begun.elapsed() >= patience {
            let what = if progress.is_decided { words(progress) } else { NOT_DECIDED.to_owned() };
            return Err(CtlError::Failed(format!("{what} after {patience:?}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

const NOT_DECIDED: &str = "no table has been decided since";

fn words(progress: Progress) -> String {
    let Progress { bidders, live, .. } = progress;
    format!("live on {} % of the bidders: {live} of {bidders}", progress.share_ppm() / 10_000)
}

fn tell(is_json: bool, progress: Progress) -> String {
    let Progress { bidders, live, .. } = progress;
    if is_json {
        let share = progress.share_ppm();
        return pretty(&json!({"bidders": bidders, "live": live, "live_ppm": share}));
    }
    if bidders == 0 {
        return "decided, and no bidder is connected\n".to_owned();
    }
    words(progress) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(sequence: u64, bidders: &[(u64, bool)]) -> v1::GetStatusResponse {
        let table = |sequence| Some(v1::Generation { epoch: 1, sequence });
        let bidder = |&(runs, has_left): &(u64, bool)| v1::BidderStatus {
            runs: table(runs),
            has_left,
            ..v1::BidderStatus::default()
        };
        let part = v1::PartitionStatus {
            generation: table(sequence),
            bidder_list: bidders.iter().map(bidder).collect(),
            ..v1::PartitionStatus::default()
        };
        v1::GetStatusResponse { partitions: vec![part], ..v1::GetStatusResponse::default() }
    }

    #[test]
    fn the_table_that_was_newest_is_not_enough() {
        let before = newest(&status(7, &[]));
        let told = |sequence, bidders: &[_]| Progress::of(&status(sequence, bidders), &before);
        assert!(!told(7, &[(7, false)]).is_decided);
        let half = told(8, &[(8, false), (7, false), (7, true)]);
        assert_eq!(half, Progress { is_decided: true, bidders: 2, live: 1 });
        assert_eq!(half.share_ppm(), 500_000);
        assert_eq!(told(9, &[(8, false), (9, false)]).share_ppm(), 1_000_000);
        assert_eq!(told(8, &[]).share_ppm(), 1_000_000, "nobody is behind");
    }
}
