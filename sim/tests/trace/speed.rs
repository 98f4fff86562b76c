//! Rows held in memory may be replayed as often as wanted, a few nanoseconds a row and player.

use paceline_core::units::{CpmMicros, Timestamp};
use paceline_sim::generate::{GenerateKind, GenerateOptions, Model, generate};
use paceline_sim::policy::{Bidding, Player, Policy, PolicyOptions, PriceRule, TieRule, play};
use paceline_sim::trace::auctions::{self, AuctionOptions};

#[test]
fn a_long_replay_from_memory_counts_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let made = GenerateOptions {
        kind: GenerateKind::Auctions,
        model: Model::Mystique,
        seed: 1,
        rows: 20_000,
        days: 1,
        start: Timestamp::MIN,
        campaigns: 1,
    };
    generate(&path, &made).unwrap();
    let reader = auctions::open(&path, &AuctionOptions::default()).unwrap();
    let rows: Vec<_> = reader.map(Result::unwrap).collect();
    let options = PolicyOptions {
        policy: Policy::Const(CpmMicros::new(500_000)),
        price: PriceRule::Trace,
        tie: TieRule::Lose,
        budget: None,
        value_column: None,
        value_scale: 1.0,
    };
    let bidding = Bidding::Const(CpmMicros::new(500_000));
    let mut players = vec![Player::alone(None)];
    for row in rows.iter().cycle().take(2_000_000) {
        play(row, bidding, &options, &mut players).unwrap();
    }
    assert_eq!(players[0].tally().eligible, 2_000_000);
}
