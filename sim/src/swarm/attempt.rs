//! One run of one world: what came of it, a panic included.
//!
//! A panic is a finding here and not the end of the program, so its message and place are kept
//! instead of printed. Called by the swarm on its threads.

use super::check::{Breach, Rule, breaches};
use crate::contender::Contender;
use crate::report::render;
use crate::scenario::draft::Draft;
use crate::world::{Run, RunOptions};
use serde::Serialize;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

thread_local! {
    /// While a run is under way on this thread: the last panic.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Size {
    /// Campaigns.
    pub campaigns: u64,
    /// Faults of the file.
    pub faults: u64,
    /// Deeds of operators.
    pub actions: u64,
    /// Auctions held.
    pub auctions: u64,
    /// Spend events in the books.
    pub events: u64,
    /// Billed, in nanos.
    pub spend_nanos: i64,
}

/// Runs a world under a contender and checks it; twice and for the same bytes when asked to.
#[must_use]
pub fn attempt(draft: &Draft, contender: Contender, is_repeated: bool) -> (Size, Vec<Breach>) {
    // Worlds that are made up read no data.
    let scenario = match draft.check("swarm", Path::new("")) {
        Ok(scenario) => scenario,
        Err(error) => {
            let told = format!("{:#}", anyhow::Error::from(error));
            return (Size::default(), vec![Breach::new(Rule::Sound, told)]);
        }
    };
    let many = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut size = Size {
        campaigns: many(scenario.campaigns.len()),
        faults: many(scenario.faults.len()),
        actions: many(scenario.actions.len()),
        ..Size::default()
    };
    let options = RunOptions { has_record: true, ..RunOptions::default() };
    let run = match caught(|| contender.play(&scenario, &options, &mut |_| {})) {
        Err(panic) => return (size, vec![Breach::new(Rule::NoPanic, panic)]),
        Ok(Err(error)) => {
            let told = format!("{:#}", anyhow::Error::from(error));
            return (size, vec![Breach::new(Rule::Sound, told)]);
        }
        Ok(Ok(run)) => run,
    };
    size.auctions = run.report.run.auctions;
    size.events = run.report.run.events_posted;
    size.spend_nanos = run.report.total.spend_nanos;
    let mut broken = breaches(&scenario, &run);
    if is_repeated {
        let text = |run: &Run| render::to_json(&run.report);
        let again = caught(|| contender.play(&scenario, &RunOptions::default(), &mut |_| {}));
        match again {
            Ok(Ok(again)) if text(&again) == text(&run) => {}
            _ => broken.push(Breach::new(Rule::SameBytes, "another run gave others")),
        }
    }
    (size, broken)
}

/// The result, or what a panic said and where.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |told| {
            let is_ours = PANIC.with_borrow_mut(|last| {
                last.as_mut().map(|last| *last = told.to_string()).is_some()
            });
            if !is_ours {
                usual(told);
            }
        }));
    });
    PANIC.set(Some(String::new()));
    // What a panic left half done is not looked at again.
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    let told = PANIC.take().unwrap_or_default();
    result.map_err(|_| told.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let told = caught(|| assert_eq!(1 + 1, 3, "sums are off")).unwrap_err();
        assert!(told.contains("attempt.rs") && told.contains("sums are off"), "{told}");
        assert_eq!(caught(|| 7), Ok(7));
    }
}
