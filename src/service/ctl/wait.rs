//! `ctl wait`: until bidders run what has been changed up to now.
//!
//! A change holds from the next table on; so the table that is newest when this begins is not
//! enough, and the one after it is. Each partition counts its own tables, and its leader is asked.

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
#[derive(Debug, Clone, PartialEq, Eq)]
struct Progress {
    /// Partitions that the instance asked does not lead, with the address of who does, if known.
    not_led: Vec<(u32, String)>,
    /// Every partition has decided since.
    is_decided: bool,
    /// Of all partitions together.
    bidders: u64,
    /// Of these, those that run a table decided since.
    live: u64,
}

impl Progress {
    fn of(told: &v1::GetStatusResponse, before: &Tables) -> Self {
        let is_past = |partition: u32, table: (u32, u64)| {
            before.get(&partition).is_none_or(|before| table > *before)
        };
        let mut progress = Self { not_led: Vec::new(), is_decided: true, bidders: 0, live: 0 };
        for part in &told.partitions {
            let table = part.generation.map(|held| (held.epoch, held.sequence));
            if part.role() != v1::PartitionRole::Leading || table.is_none() {
                progress.not_led.push((part.partition, part.leader_address.clone()));
            }
            progress.is_decided &= table.is_some_and(|table| is_past(part.partition, table));
            let is_live = |bidder: &&v1::BidderStatus| {
                let runs = bidder.runs.map(|held| (held.epoch, held.sequence));
                runs.is_some_and(|table| is_past(part.partition, table))
            };
            let here = || part.bidder_list.iter().filter(|bidder| !bidder.has_left);
            let (listed, live) = (here().count() as u64, here().filter(is_live).count() as u64);
            let bidders = u64::from(part.bidders).max(listed);
            // The list may be cut, and begins with those behind: whoever is not on it is live if
            // the last one on it is.
            let rest =
                if here().next_back().as_ref().is_some_and(is_live) { bidders - listed } else { 0 };
            progress.bidders += bidders;
            progress.live += live + rest;
        }
        // Of nothing, nothing is known.
        progress.is_decided &= !told.partitions.is_empty() && progress.not_led.is_empty();
        progress
    }

    /// Parts per million; all, when there is nobody.
    fn share_ppm(&self) -> u64 {
        (self.live * 1_000_000).checked_div(self.bidders).unwrap_or(1_000_000)
    }
}

pub(super) async fn wait(caller: &mut Caller, args: WaitArgs) -> Result<String, CtlError> {
    let patience = Duration::from(args.patience);
    let begun = Stopwatch::start();
    let mut before = None;
    loop {
        let told = status(caller).await?;
        let before = before.get_or_insert_with(|| newest(&told));
        let progress = Progress::of(&told, before);
        let is_live = progress.share_ppm() >= u64::from(args.share.get());
        if progress.is_decided && is_live {
            return Ok(tell(caller.is_json, &progress));
        }
        if begun.elapsed() >= patience {
            let what = why_not(&progress);
            return Err(CtlError::Failed(format!("{what} after {patience:?}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How partitions fare, each as its leader tells it, as far as leaders can be reached.
async fn status(caller: &mut Caller) -> Result<v1::GetStatusResponse, CtlError> {
    let asked = caller.client.get_status(v1::GetStatusRequest {}).await;
    let mut told = caller.answer(asked)?;
    let is_led_here = |part: &v1::PartitionStatus| part.role() != v1::PartitionRole::Following;
    for part in told.partitions.iter_mut().filter(|part| !is_led_here(part)) {
        let Ok(mut leader) = caller.beside(&part.leader_address) else { continue };
        let asked = leader.client.get_status(v1::GetStatusRequest {}).await;
        let Ok(other) = leader.answer(asked) else { continue };
        let theirs = other.partitions.into_iter().filter(is_led_here);
        if let Some(theirs) = theirs.into_iter().find(|it| it.partition == part.partition) {
            *part = theirs;
        }
    }
    Ok(told)
}

const NOT_DECIDED: &str = "no table has been decided since";

/// What is missing.
fn why_not(progress: &Progress) -> String {
    match progress.not_led.as_slice() {
        [] if progress.is_decided => words(progress),
        [] => NOT_DECIDED.to_owned(),
        [(partition, leader), rest @ ..] => {
            let leader = match leader.as_str() {
                "" => "nobody that it knows of does".to_owned(),
                leader => format!("{leader} does, and does not answer"),
            };
            let more = match rest.len() {
                0 => String::new(),
                count => format!(", and {count} partitions more"),
            };
            format!("partition {partition} is not led by whoever was asked, {leader}{more}")
        }
    }
}

fn words(progress: &Progress) -> String {
    let Progress { bidders, live, .. } = progress;
    format!("live on {} % of the bidders: {live} of {bidders}", progress.share_ppm() / 10_000)
}

fn tell(is_json: bool, progress: &Progress) -> String {
    let Progress { bidders, live, .. } = progress;
    if is_json {
        let share = progress.share_ppm();
        return pretty(&json!({"bidders": bidders, "live": live, "live_ppm": share}));
    }
    if *bidders == 0 {
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
            role: v1::PartitionRole::Leading.into(),
            generation: table(sequence),
            bidders: bidders.iter().map(|(_, has_left)| u32::from(!has_left)).sum(),
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
        assert_eq!((half.is_decided, half.bidders, half.live), (true, 2, 1));
        assert_eq!(half.share_ppm(), 500_000);
        assert_eq!(told(9, &[(8, false), (9, false)]).share_ppm(), 1_000_000);
        assert_eq!(told(8, &[]).share_ppm(), 1_000_000, "nobody is behind");
    }

    #[test]
    fn nothing_is_decided_where_nothing_is_led() {
        let nobody = Progress::of(&v1::GetStatusResponse::default(), &Tables::new());
        assert!(!nobody.is_decided);
        let mut told = status(8, &[]);
        told.partitions.push(v1::PartitionStatus {
            partition: 1,
            role: v1::PartitionRole::Following.into(),
            leader_address: "other:7410".to_owned(),
            ..v1::PartitionStatus::default()
        });
        let half = Progress::of(&told, &newest(&status(7, &[])));
        assert!(!half.is_decided, "the other half is not known: {half:?}");
        let why = why_not(&half);
        assert_eq!(
            why,
            "partition 1 is not led by whoever was asked, other:7410 does, and does not answer"
        );
    }

    #[test]
    fn whoever_a_cut_list_leaves_out_is_live_if_its_last_one_is() {
        let before = newest(&status(7, &[]));
        let mut told = status(8, &[(7, false), (8, false)]);
        told.partitions[0].bidders = 1_500;
        let progress = Progress::of(&told, &before);
        assert_eq!((progress.bidders, progress.live), (1_500, 1_499));
        let mut told = status(8, &[(7, false), (7, false)]);
        told.partitions[0].bidders = 1_500;
        let progress = Progress::of(&told, &before);
        assert_eq!((progress.bidders, progress.live), (1_500, 0), "nothing is known of the others");
    }
}
