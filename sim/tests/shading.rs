//! Shading learns what it should in worlds whose answer is known; the long runs are the command's.

use paceline_core::shade::TieRule;
use paceline_sim::run::data_folder;
use paceline_sim::shading::contender::Feedback;
use paceline_sim::shading::{Shaded, atoms, change, known, recorded, truth};

#[test]
fn most_of_a_known_surplus_is_got_with_every_kind_of_feedback() {
    let markets = truth::markets();
    let atoms = markets.iter().find(|market| market.name == "atoms").unwrap();
    for (feedback, least) in Feedback::ALL.into_iter().zip(paceline_sim::shading::LEAST) {
        let told = known::play(atoms, feedback, 1, false);
        let score = &told.scores[0];
        assert!(score.best >= least, "{feedback:?}: {score:?}");
        // A control group that bids its value gets nothing, and no sum was ever below that.
        assert!(score.lowest >= 0.0, "{feedback:?}: {score:?}");
    }
}

#[test]
fn of_two_prices_the_right_one_is_bid_for_by_either_tie_rule() {
    for tie in [TieRule::Win, TieRule::Lose] {
        let told = atoms::play(tie, Feedback::All, 3, 12);
        assert!(told.right > 0.99, "{told:?}");
    }
}

#[test]
fn a_shift_is_followed_and_the_page_shows_it() {
    let shift = change::shift(Feedback::All, 0.5, &[1]);
    assert!(shift.back.iter().all(|back| back.is_some_and(|back| back < 5_000)), "{shift:?}");
    let told = Shaded {
        seeds: vec![1],
        known: vec![known::play(&truth::markets()[0], Feedback::All, 1, false)],
        atoms: Vec::new(),
        shifts: vec![shift],
        drifts: Vec::new(),
        quiet: Vec::new(),
        recorded: Vec::new(),
    };
    assert!(told.is_met(), "{}", told.to_text());
    assert!(told.to_html().contains("</svg>") && told.to_json().ends_with("}\n"));
}

#[test]
fn the_best_constant_is_the_golden_files() {
    let data = data_folder();
    let (golden, trace) =
        (data.join("golden/shading_oracle.csv"), data.join("ipinyou_dlf_2259/auctions_train.csv"));
    if !golden.exists() || !trace.exists() {
        println!("skipped: no data at {}; set PACELINE_DATA", data.display());
        return;
    }
    let rows = recorded::read(&trace).unwrap();
    let text = std::fs::read_to_string(golden).unwrap();
    let mut checked = 0;
    for line in text.lines().filter(|line| line.starts_with("dlf_2259_train,")) {
        let fields: Vec<i64> =
            line.split(',').skip(1).map(|field| field.parse().unwrap()).collect();
        let [_, value, _, bid, surplus, _] = fields[..] else { panic!("{line}") };
        assert_eq!(recorded::best_constant(&rows, value), (bid, surplus), "{line}");
        checked += 1;
    }
    assert_eq!(checked, 4);
}
