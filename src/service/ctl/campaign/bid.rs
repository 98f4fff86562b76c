//! `ctl explain CAMPAIGN --segment SEGMENT --value MICROS`: one bid, from value to price.

use super::super::{Caller, CtlError, json, pretty, text};
use crate::wire::admin::saving_words;
use paceline_proto::v1;
use serde_json::{Value, json as object};
use std::fmt::Write;

type Told = v1::ExplainBidResponse;

pub(super) async fn explain(
    caller: &mut Caller,
    request: v1::ExplainBidRequest,
) -> Result<String, CtlError> {
    let asked = caller.client.explain_bid(request).await;
    let told = caller.answer(asked)?;
    Ok(if caller.is_json { pretty(&as_json(&told)) } else { as_text(&told) })
}

fn as_text(told: &Told) -> String {
    let mut lines = String::new();
    let mut fact = |name: &str, value: String| {
        writeln!(lines, "{name:<15} {value}").expect("text grows as it needs");
    };
    let none = || "none".to_owned();
    let micros = |micros: i64| format!("{micros} micros per thousand");
    fact("value", micros(told.value_cpm_micros));
    fact("multiplier", text::ratio(told.multiplier_ppm));
    fact("paced value", micros(told.paced_cpm_micros));
    fact("shading", text::shading(told.level, told.relief_per_mille));
    fact("shaded", micros(told.shaded_cpm_micros));
    fact("value cap", told.value_cap_cpm_micros.map_or_else(none, micros));
    fact("floor", micros(told.floor_cpm_micros));
    fact("bid", told.bid_cpm_micros.map_or_else(none, micros));
    fact("why", told.reason.clone());
    for (name, words) in told.saving.iter().flat_map(saving_words) {
        fact(name, words);
    }
    let Some(market) = &told.landscape else { return lines };
    fact("evidence", format!("{} auctions", market.evidence));
    fact("told minimum", text::share(market.told_ppm));
    if let Some(chance) = market.chance_ppm {
        fact("chance to win", format!("{} above the floor", text::share(chance)));
    }
    fact("control group", text::share(market.control_ppm));
    fact("explorers", text::share(market.explore_ppm));
    fact("drifts", if market.drifts { "yes" } else { "no" }.to_owned());
    for knot in &market.knots {
        let bid = micros(knot.bid_cpm_micros);
        fact("knot", format!("from {}: {bid}", knot.value_cpm_micros));
    }
    lines
}

fn as_json(told: &Told) -> Value {
    let landscape = told.landscape.as_ref().map(|market| {
        let knot = |knot: &v1::ShadingKnot| {
            object!({
                "value_cpm_micros": knot.value_cpm_micros,
                "bid_cpm_micros": knot.bid_cpm_micros,
            })
        };
        object!({
            "evidence": market.evidence,
            "told_ppm": market.told_ppm,
            "drifts": market.drifts,
            "is_silent": market.is_silent,
            "chance_ppm": market.chance_ppm,
            "control_ppm": market.control_ppm,
            "explore_ppm": market.explore_ppm,
            "knots": market.knots.iter().map(knot).collect::<Value>(),
        })
    });
    object!({
        "value_cpm_micros": told.value_cpm_micros,
        "multiplier_ppm": told.multiplier_ppm,
        "paced_cpm_micros": told.paced_cpm_micros,
        "level": text::shading_level(told.level),
        "relief_per_mille": told.relief_per_mille,
        "shaded_cpm_micros": told.shaded_cpm_micros,
        "value_cap_cpm_micros": told.value_cap_cpm_micros,
        "floor_cpm_micros": told.floor_cpm_micros,
        "bid_cpm_micros": told.bid_cpm_micros,
        "reason": told.reason,
        "landscape": landscape,
        "saving": json::saving(told.saving.as_ref()),
    })
}
