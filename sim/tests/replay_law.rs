//! A recorded trace under a law: the toy trace, every auction of it.

use paceline_core::campaign::LawChoice;
use paceline_core::units::Nanos;
use paceline_sim::contender::Contender;
use paceline_sim::policy::{PriceRule, TieRule};
use paceline_sim::replay::{self, ReplayOptions};
use paceline_sim::run;
use std::fmt::Write;

/// An hour of second-price auctions, one a second, all at the same price.
fn trace() -> String {
    let mut text =
        "ts_us,request_id,segment,at,min_to_win_cpm_micros,min_to_win_censor\n".to_owned();
    for second in 0..3_600_i64 {
        let at = 1_700_000_000_000_000 + second * 1_000_000;
        writeln!(text, "{at},r{second},s,2,1000000,0").expect("a string takes all text");
    }
    text
}

fn options(law: LawChoice, budget: i64) -> ReplayOptions {
    ReplayOptions {
        law,
        price: PriceRule::Trace,
        tie: TieRule::Lose,
        budget: Some(Nanos::new(budget)),
        value_column: None,
        value_scale: 1.0,
        bill_clicks: false,
    }
}

#[test]
fn a_trace_under_a_law_keeps_to_its_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hour.csv");
    std::fs::write(&path, trace()).unwrap();
    for law in [LawChoice::LogPid, LawChoice::PassThrough, LawChoice::Asap] {
        // A thousandth of a unit an impression: a third of the hour's auctions.
        let world = replay::world_of(&path, &options(law, 1_200_000_000), None).unwrap();
        let report = run::run_scenario(&world, Contender::Law(law), None, &mut |_| {}).unwrap();
        assert_eq!(report.run.auctions, 3_600);
        assert_eq!(report.run.audit_failures, 0);
        assert_eq!(report.total.overspend_nanos, 0);
        assert_eq!(report.total.feasible_nanos, Some(1_200_000_000));
        let wins = i64::try_from(report.total.wins).unwrap();
        assert_eq!(report.total.spend_nanos, wins * 1_000_000);
        assert!(report.total.utilisation.unwrap() > 0.9, "{law:?}: {:?}", report.total);
    }
}
