//! Facts of traces: how many spans went out, and whether a collector takes them.
//!
//! As `event`: lines at the edges, numbers always. Called by `trace` alone.

use super::metric;
use crate::error_chain;
use metrics::SharedString;
use std::error::Error;
use tracing::{info, warn};

const fn word(text: &'static str) -> SharedString {
    SharedString::const_str(text)
}

/// What became of a batch.
pub fn spans_sent(taken: u64, failed: u64) {
    metric::TRACE_SPANS.add(taken, [word("sent")]);
    metric::TRACE_SPANS.add(failed, [word("failed")]);
}

/// There was no room for a span.
pub fn span_dropped() {
    metric::TRACE_SPANS.add(1, [word("dropped")]);
}

/// The collector does not take spans; what it does not take is dropped.
pub fn collector_lost(why: &dyn Error) {
    warn!(error = error_chain(why), "the collector of traces does not answer; spans are dropped");
}

/// It takes them again.
pub fn collector_reached() {
    info!("the collector of traces answers again");
}
