//! What a person should hear of, over all partitions led here.
//!
//! Called by the admin service.

use super::list::{gather, page_size};
use crate::notice::{Told, recent, standing};
use crate::partition::Partitions;
use crate::wire::Refusal;
use crate::wire::notice::notice_message;
use paceline_proto::v1;
use std::cmp::Reverse;
use tonic::Status;

pub(super) async fn list(
    partitions: &Partitions,
    request: v1::ListNoticesRequest,
) -> Result<v1::ListNoticesResponse, Status> {
    let most = page_size(request.most).map_err(|refusal| Refusal {
        // The list has no pages.
        field: "most".to_owned(),
        ..refusal
    })?;
    let question = move |engine: &super::find::Engine| {
        let (stands, count) = standing(engine, most);
        vec![(stands, count, recent(engine, most))]
    };
    let (mut stands, mut over): (Vec<Told>, Vec<Told>) = (Vec::new(), Vec::new());
    let mut count = 0;
    for told in gather(partitions, request.is_led_only, question).await? {
        stands.extend(told.0);
        count += told.1;
        over.extend(told.2);
    }
    stands.sort_unstable();
    stands.truncate(most);
    over.sort_by_key(|told| Reverse(told.cleared_at));
    over.truncate(most);
    Ok(v1::ListNoticesResponse {
        standing: stands.iter().map(notice_message).collect(),
        standing_count: u32::try_from(count).unwrap_or(u32::MAX),
        recent: over.iter().map(notice_message).collect(),
    })
}
