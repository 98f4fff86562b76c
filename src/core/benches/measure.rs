//! What benchmarks of core measure by: time on a processor, memory, and a file for machines.
//!
//! Knows nothing of what is measured. Called by the benchmarks beside it.

use std::time::{Duration, Instant};

/// Time of this thread on a processor, so that other load on the machine does not count; the
/// wall clock's where the system does not tell.
pub(crate) struct Clock {
    wall: Instant,
    processor: Option<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { processor: time_on_processor(), wall: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let wall = self.wall.elapsed();
        time_on_processor().zip(self.processor).map_or(wall, |(now, begun)| now - begun)
    }
}

fn time_on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Memory this process occupies, where the system tells.
pub(crate) fn resident_bytes() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = told.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

/// Writes `target/bench-NAME.json`.
pub(crate) fn write_json(name: &str, json: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
    std::fs::create_dir_all(folder).expect("target/ can be made");
    std::fs::write(format!("{folder}/bench-{name}.json"), json).expect("target/ can be written");
}
