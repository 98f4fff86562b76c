//! What a list of this instance lacks, because others lead it.
//!
//! Asks through the admin service. Called by the pages that list what partitions hold.

use super::{Console, absence};
use crate::control_loop::LoopError;
use crate::wire;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use paceline_view::{Block, Section, State};

/// The section, with a notice for each partition that is not in it.
pub(super) async fn told(console: &Console, section: Section) -> Section {
    let asked = tonic::Request::new(v1::GetStatusRequest {});
    let partitions = match console.admin.get_status(asked).await {
        Ok(told) => told.into_inner().partitions,
        Err(status) => {
            let why = format!("Whether others lead a part is not known: {}.", status.message());
            return section.with(Block::Notice(State::Watch, why));
        }
    };
    let others = partitions.iter().filter(|part| part.role() == v1::PartitionRole::Following);
    others.fold(section, |section, part| {
        let leader = Some(part.leader_address.clone()).filter(|address| !address.is_empty());
        match wire::partition("partition", part.partition) {
            Ok(partition) => {
                let text = absence(partition, &LoopError::NotLeader { leader });
                section.with(Block::Notice(State::Watch, text))
            }
            Err(_) => section,
        }
    })
}
