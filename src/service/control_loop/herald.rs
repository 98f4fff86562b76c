//! Notices of a round as lines and numbers, with the names that people know.
//!
//! The log's sink: it holds nothing and cannot fail. Called by the leader for rounds that it
//! decided itself, once they are durable: what a restart folds again is not told again. The console
//! names objects by it.

use crate::telemetry::event;
use paceline_core::budget::BudgetOwner;
use paceline_core::engine::{Engine, Tick};
use paceline_core::notice::NoticeObject;
use paceline_core::units::PartitionId;

/// Tells the edges of a round.
pub(super) fn tell_notices(partition: PartitionId, engine: &Engine, tick: &Tick) {
    let partition = u16::from(partition.0);
    for edge in &tick.report.notices {
        let notice = &edge.notice;
        let (kind, name) = notice_object(engine, notice.object);
        let object = (kind, name.as_str());
        if edge.is_cleared {
            event::notice_cleared(partition, notice.cause, object);
        } else {
            let amounts = (notice.money.spent.get(), notice.money.planned.get());
            event::notice_raised(partition, notice.cause, object, amounts);
        }
    }
}

/// What a notice is about: of which kind, and its name; a partition has none.
pub fn notice_object(engine: &Engine, object: NoticeObject) -> (&'static str, String) {
    let advertiser = |id| engine.advertiser(id).map(|spec| spec.name.to_string());
    let (kind, name) = match object {
        NoticeObject::Owner(BudgetOwner::Campaign(id)) => {
            ("campaign", engine.campaign(id).map(|spec| spec.name.to_string()))
        }
        NoticeObject::Owner(BudgetOwner::Group(id)) => {
            ("group", engine.group(id).map(|spec| spec.name.to_string()))
        }
        NoticeObject::Owner(BudgetOwner::Advertiser(id)) => ("advertiser", advertiser(id)),
        NoticeObject::Account(id) => ("account", advertiser(id)),
        NoticeObject::Fleet(currency) => ("fleet", Some(currency.to_string())),
        NoticeObject::Partition => ("partition", Some(String::new())),
    };
    (kind, name.unwrap_or_default())
}
