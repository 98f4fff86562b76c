//! A replay as a page of HTML: one table, no scripts, nothing fetched.
//!
//! Called by `paceline-sim replay --policy … --html`.

use super::summary::{CampaignMetrics, ReplaySummary};
use paceline_core::units::Nanos;
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem}\
    table{border-collapse:collapse}td,th{padding:.25rem .75rem;text-align:right}\
    td:first-child,th:first-child{text-align:left}tr{border-bottom:1px solid #ccc}";

/// The text with the five characters that mean something in HTML replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

/// Nanos as units of currency with six digits.
fn money(nanos: i64) -> String {
    let micros = Nanos::new(nanos).to_micros_display().get();
    format!("{}{}.{:06}", if micros < 0 { "-" } else { "" }, micros.abs() / 1_000_000, {
        micros.abs() % 1_000_000
    })
}

fn row(page: &mut String, name: &str, metrics: &CampaignMetrics) {
    let clicks = metrics.clicks.map_or_else(|| "–".to_owned(), |clicks| clicks.to_string());
    let budget = metrics.budget_nanos.map_or_else(|| "–".to_owned(), money);
    writeln!(
        page,
        "<tr><td>{}</td><td>{budget}</td><td>{}</td><td>{}</td><td>{clicks}</td><td>{}</td></tr>",
        escaped(name),
        money(metrics.spend_nanos),
        metrics.wins,
        metrics.skipped_for_budget,
    )
    .expect("writing to a string cannot fail");
}

/// The page.
#[must_use]
pub fn render_page(summary: &ReplaySummary) -> String {
    let title = escaped(&format!("Replay of {} with {}", summary.trace, summary.policy));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n<p>{} auctions; a winner pays by \
         the rule <em>{}</em>, a tie makes us <em>{}</em>; {} rows priced below their floor, {} \
         censored.</p>\n<table><tr><th>Campaign</th><th>Budget</th><th>Spend</th><th>Wins</th>\
         <th>Clicks</th><th>Skipped for budget</th></tr>\n",
        summary.auctions,
        summary.price,
        summary.tie,
        summary.warnings.below_floor,
        summary.warnings.censored,
    );
    for campaign in &summary.campaigns {
        row(&mut page, campaign.campaign.as_deref().unwrap_or("all rows"), campaign);
    }
    row(&mut page, "Total", &summary.total);
    page.push_str("</table>\n</body></html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn money_is_shown_in_micros_half_to_even() {
        assert_eq!(money(2_001_500), "0.002002");
        assert_eq!(money(2_000_500), "0.002000");
        assert_eq!(money(-1_500_000_000), "-1.500000");
    }
}
