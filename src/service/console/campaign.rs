//! One campaign's page: how it went, and why it stands where it stands.
//!
//! Knows the engine's explanation and how to show it. Called by `console`.

use super::history::CampaignPoint;
use super::{frame, overview, words};
use crate::wire::admin::{Cause, CauseWords, causes_in_words};
use crate::wire::catalogue::returns_words;
use paceline_core::budget::{BudgetOwner, Horizon};
use paceline_core::campaign::CampaignSpec;
use paceline_core::engine::Engine;
use paceline_core::forecast::{Forecast, Limit};
use paceline_core::report::{Explanation, OwnerExplanation};
use paceline_core::table::{EntryState, TableEntry};
use paceline_core::units::{CampaignId, Currency, Nanos, Timestamp};
use paceline_view::number::{NONE, fixed, percent};
use paceline_view::{
    Axis, Block, Cell, Chart, Column, Page, Reference, Section, Series, State, Table, Tile,
};

/// Everything the page says, from one look at the engine.
#[derive(Debug)]
pub(super) struct Story {
    spec: CampaignSpec,
    currency: Currency,
    /// What its owners are called, in the order of the explanation.
    owners: Vec<String>,
    budget: Option<Nanos>,
    planned: Option<Nanos>,
    actual: Nanos,
    now: Timestamp,
    explanation: Option<Explanation>,
    forecasts: Vec<Forecast>,
    causes: Vec<CauseWords>,
}

impl Story {
    /// Nothing when the engine does not know the campaign.
    pub(super) fn of(engine: &Engine, campaign: CampaignId) -> Option<Self> {
        let held = engine.overview_of(campaign)?;
        let explanation = engine.explain(campaign);
        let owners = explanation.iter().flat_map(|told| &told.owners);
        Some(Self {
            spec: held.spec.clone(),
            currency: held.currency,
            owners: owners.map(|told| owner_name(engine, told.owner)).collect(),
            budget: held.spec.flight_at(engine.now()).and_then(|flight| flight.budget),
            planned: overview::planned(&held),
            actual: overview::actual(&held),
            now: engine.now(),
            explanation,
            forecasts: engine.forecasts(campaign),
            causes: Vec::new(),
        })
    }

    /// The same with what makes it deliver as it does.
    pub(super) fn with_causes(mut self, causes: &[Cause]) -> Self {
        self.causes = causes_in_words(causes);
        self
    }

    fn name_of(&self, owner: BudgetOwner) -> String {
        let all = self.explanation.iter().flat_map(|told| &told.owners).zip(&self.owners);
        let found = all.into_iter().find(|(told, _)| told.owner == owner);
        found.map_or_else(|| NONE.to_owned(), |(_, name)| name.clone())
    }

    fn amount(&self, amount: Nanos) -> String {
        words::amount(amount.get(), self.currency)
    }
}

/// `campaign spring`.
pub(super) fn owner_name(engine: &Engine, owner: BudgetOwner) -> String {
    let (kind, name) = match owner {
        BudgetOwner::Campaign(id) => ("campaign", engine.campaign(id).map(|spec| &spec.name)),
        BudgetOwner::Group(id) => ("group", engine.group(id).map(|spec| &spec.name)),
        BudgetOwner::Advertiser(id) => ("advertiser", engine.advertiser(id).map(|spec| &spec.name)),
    };
    format!("{kind} {}", name.map_or(NONE, |name| name.as_str()))
}

pub(super) fn page(
    story: &Story,
    points: &[CampaignPoint],
    saving: Option<Vec<(&'static str, String)>>,
) -> Page {
    let parents = story.owners.iter().skip(1).cloned().collect::<Vec<_>>().join(" · ");
    let page = frame(story.spec.name.as_str(), "")
        .with_subtitle(parents)
        .with_refresh(super::REFRESH)
        .with_footer(format!("As of {}.", words::moment(story.now)));
    let decided = story.explanation.as_ref().and_then(|told| Some((told, told.entry.as_ref()?)));
    let Some((told, entry)) = decided else {
        let none = "No round has decided about this campaign, or it is archived.".to_owned();
        return page.with_section(Section::new("").with(Block::Notice(State::Idle, none)));
    };
    let sentence = words::reason_sentence(told.reason).to_owned();
    let judged = match entry.state {
        EntryState::Run => State::Good,
        EntryState::Paused => State::Idle,
        EntryState::Exhausted => State::Watch,
        EntryState::Safe => State::Bad,
    };
    let page = page
        .with_section(
            Section::new("")
                .with(Block::Notice(judged, sentence))
                .with(Block::Tiles(tiles(story, told, entry))),
        )
        .with_section(
            Section::new("")
                .with(Block::Chart(spend(story, points)))
                .with(Block::Charts(vec![multiplier(points), participation(points)])),
        )
        .with_section(
            Section::new("Why").with(Block::Table(why(story))).with(facts(story, told, entry)),
        );
    saving
        .map(saved)
        .into_iter()
        .fold(page, Page::with_section)
        .with_section(Section::new("Forecasts").with(Block::Table(forecasts(story))))
        .with_section(Section::new("Laws").with(Block::Table(laws(story, told))))
        .with_section(Section::new("Accounts").with(Block::Table(accounts(story, told))))
        .with_section(Section::new("Overrides").with(overrides(story, told)))
}

fn tiles(story: &Story, told: &Explanation, entry: &TableEntry) -> Vec<Tile> {
    let planned = story.planned.map_or_else(|| NONE.to_owned(), |planned| story.amount(planned));
    let budget = story.budget.map_or_else(
        || "no budget for this flight".to_owned(),
        |budget| format!("budget {}", story.amount(budget)),
    );
    let max = fixed(story.spec.multiplier_max.ppm().as_f64(), 3);
    vec![
        Tile::new("Spent so far", story.amount(story.actual)).with_note(budget),
        Tile::new("Planned so far", planned),
        foreseen(story),
        Tile::new("Multiplier", fixed(entry.multiplier.ppm().as_f64(), 3))
            .with_note(format!("at most {max}")),
        Tile::new("Participation", percent(entry.participation.ppm().as_f64(), 1)),
        Tile::new("In flight", story.amount(told.in_flight)),
        Tile::new("Money at risk", story.amount(told.outstanding)).with_note("in allowances"),
    ]
}

/// What it will have spent by the end of its flight, else of its day.
fn foreseen(story: &Story) -> Tile {
    let told = story.forecasts.last();
    let middle = told.map_or_else(|| NONE.to_owned(), |told| story.amount(told.middle));
    let band = told.map_or_else(String::new, |told| {
        let end = if told.horizon == Horizon::Flight { "flight" } else { "day" };
        let (low, high) = (story.amount(told.low), story.amount(told.high));
        format!("at the {end}'s end; four times in five {low} to {high}")
    });
    Tile::new("Will have spent", middle).with_note(band)
}

/// What shading saves it, beside the control group.
fn saved(words: Vec<(&'static str, String)>) -> Section {
    let facts = words.into_iter().map(|(name, words)| (name.to_owned(), Cell::Text(words)));
    let note = "Bids that were shaded beside those left unshaded to compare with, each weighted by \
                how likely it was to be made so. What was told a week ago counts half.";
    Section::new("Saved by shading")
        .with(Block::Facts(facts.collect()))
        .with(Block::Paragraph(note.to_owned()))
}

/// What makes it deliver as it does, the likeliest first.
fn why(story: &Story) -> Table {
    let names = ["cause", "evidence", "would help", "effect"];
    let table = Table::new("", names.map(Column::text).to_vec());
    story.causes.iter().fold(table, |table, told| {
        let words = [&told.cause, &told.evidence, &told.help, &told.effect];
        table.with_row(words.map(|words| Cell::text(words.as_str())).to_vec())
    })
}

fn forecasts(story: &Story) -> Table {
    let unit = story.currency.to_string();
    let mut columns = vec![Column::text("window"), Column::text("until")];
    let money = ["low", "middle", "high", "budget"];
    columns.extend(money.map(|name| Column::number(name, unit.as_str())));
    columns.extend([Column::number("left over", ""), Column::text("limit")]);
    let table = story.forecasts.iter().fold(Table::new("", columns), |table, told| {
        table.with_row(vec![
            Cell::text(told.horizon.as_str()),
            Cell::text(words::moment(told.window.end())),
            words::cell(told.low),
            words::cell(told.middle),
            words::cell(told.high),
            told.budget.map_or(Cell::Empty, words::cell),
            told.short.map_or(Cell::Empty, |short| Cell::percent(short, 1)),
            Cell::text(match told.limit {
                Limit::Budget => "its budgets",
                Limit::Supply => "what there is to buy",
                Limit::Held => "a hand, a return target or another's budget",
            }),
        ])
    });
    table.with_note(
        "Spend ends between low and high four times in five. Left over is the chance that less \
         than 98 % of the budget is spent.",
    )
}

fn spend(story: &Story, points: &[CampaignPoint]) -> Chart {
    let line = |of: fn(&CampaignPoint) -> Nanos| {
        let place = |point: &CampaignPoint| {
            (words::second(point.at), words::height(of(point).get().into()))
        };
        points.iter().map(place).collect()
    };
    Chart::over_time("Spend against plan")
        .with_y_label(story.currency.to_string())
        .with_series(Series::step("spent", line(|point| point.actual)))
        .with_series(Series::line("planned", line(|point| point.planned)).as_plan())
}

fn multiplier(points: &[CampaignPoint]) -> Chart {
    let course = points.iter().map(|point| (words::second(point.at), point.multiplier.as_f64()));
    Chart::over_time("Multiplier")
        .with_y_label("×")
        .with_series(Series::step("multiplier", course.collect()))
        .with_reference(Reference::at_y(1.0, "full bid"))
}

fn participation(points: &[CampaignPoint]) -> Chart {
    let course = points.iter().map(|point| (words::second(point.at), point.participation.as_f64()));
    Chart::over_time("Participation")
        .with_y(Axis::Percent)
        .with_y_range(0.0, 1.0)
        .with_y_label("of auctions")
        .with_series(Series::step("participation", course.collect()))
}

fn facts(story: &Story, told: &Explanation, entry: &TableEntry) -> Block {
    let text = |name: &str, value: String| (name.to_owned(), Cell::Text(value));
    let binding = told.binding.map_or_else(|| "nobody".to_owned(), |owner| story.name_of(owner));
    let bound = told.owners.iter().find(|part| Some(part.owner) == told.binding);
    let plan = bound.and_then(|part| part.plan);
    let shape = bound.map(|part| part.shape).unwrap_or_default();
    let tight = plan.and_then(|plan| plan.tight).map_or("none", |horizon| horizon.as_str());
    let watermark = told.watermark.map_or_else(|| "nothing heard".to_owned(), words::moment);
    let (events, suspended) = told.suspense;
    let mut facts = vec![
        ("state".to_owned(), words::badge(Some(entry.state), told.reason)),
        text("binding owner", binding),
        text("binding horizon", tight.to_owned()),
    ];
    if let Some(plan) = plan {
        let window = plan.window;
        facts.extend([
            text("plan made", words::moment(plan.planned_at)),
            text("plan covers", span(window.start(), window.end())),
            text("planned since then", story.amount(plan.planned)),
            text("forgone since then", story.amount(plan.forgone)),
            text("measured since then", story.amount(plan.measured)),
            text("placed from then on", story.amount(plan.total)),
            text("planned in 24 hours", story.amount(plan.day_budget)),
            text("no room for", story.amount(plan.unplaced)),
            text("traffic shape", shape.as_str().to_owned()),
        ]);
    }
    if let Some(returns) = &told.returns {
        let most = fixed(returns.law.x.exp(), 3);
        facts.extend([
            text("return target", returns_words(returns.target, |most| story.amount(most))),
            text("results expected of this flight's wins", returns.results.to_string()),
            text("those may cost", story.amount(returns.worth)),
            text("and cost", story.amount(returns.cost)),
            text("kept in hand", story.amount(returns.reserve)),
            text("bids at most", format!("{most} times for its returns' sake")),
        ]);
    }
    let safe = fixed(entry.safe_multiplier.ppm().as_f64(), 3);
    facts.extend([
        text("bid shading", words::shading(story.spec.shading, entry.shading)),
        text("safe multiplier", safe),
        text("suspended", format!("{} in {events} events", story.amount(suspended))),
        text("spend known up to", watermark),
        text("table generation", told.generation.to_string()),
    ]);
    Block::Facts(facts)
}

fn span(start: Timestamp, end: Timestamp) -> String {
    format!("{} to {}", words::moment(start), words::moment(end))
}

fn laws(story: &Story, told: &Explanation) -> Table {
    let numbers = ["ln x", "error", "P", "I", "D", "gain", "evidence", "raw"];
    let mut columns = vec![Column::text("owner"), Column::text("law")];
    columns.extend(numbers.map(|name| Column::number(name, "")));
    columns.extend([Column::text("clamp"), Column::text("held"), Column::number("brake", "")]);
    let rows = told.owners.iter().zip(&story.owners);
    rows.fold(Table::new("", columns), |table, (part, name)| table.with_row(law_row(part, name)))
        .with_note(
            "Error is in days of budget, behind the plan above zero. Evidence is how many events I \
             is worth: few after a start, and what is little known moves fast. A campaign takes \
             the least of its owners.",
        )
}

fn law_row(part: &OwnerExplanation, name: &str) -> Vec<Cell> {
    let mut cells = vec![Cell::text(name)];
    let (Some(x), Some(terms)) = (part.x, part.terms) else {
        cells.push(Cell::text("bounds nothing now"));
        return cells;
    };
    cells.push(Cell::text(words::law(part.law)));
    let numbers = [
        x,
        terms.error,
        terms.proportional,
        terms.integral,
        terms.derivative,
        terms.gain,
        terms.evidence,
        terms.raw,
    ];
    cells.extend(numbers.map(|value| Cell::number(value, 3)));
    cells.push(Cell::text(words::clamp(terms.clamp)));
    cells.push(Cell::text(if terms.held { "yes" } else { "no" }));
    cells.push(Cell::percent(part.brake, 1));
    cells
}

fn accounts(story: &Story, told: &Explanation) -> Table {
    let unit = story.currency.to_string();
    let money = ["granted", "adjusted", "spent", "in flight", "available", "outstanding"];
    let mut columns = vec![Column::text("owner"), Column::text("horizon")];
    columns.extend(money.map(|name| Column::number(name, unit.as_str())));
    columns.extend([Column::text("used"), Column::text("window")]);
    let mut table = Table::new("", columns);
    for (part, name) in told.owners.iter().zip(&story.owners) {
        for held in &part.accounts {
            table = table.with_row(vec![
                Cell::text(name.as_str()),
                Cell::text(held.horizon.as_str()),
                words::cell(held.granted),
                words::cell(held.adjusted),
                words::cell(held.spent),
                words::cell(held.in_flight),
                words::cell(held.available),
                words::cell(held.outstanding),
                Cell::bar(held.drawn().ratio_to(held.cap()), None),
                Cell::text(span(held.window.start(), held.window.end())),
            ]);
        }
    }
    if table.rows.is_empty() { table.with_note("No money has moved yet.") } else { table }
}

fn overrides(story: &Story, told: &Explanation) -> Block {
    if told.overrides.is_empty() {
        return Block::Paragraph("There is no override on it.".to_owned());
    }
    let names = ["action", "on", "why", "by", "since", "until"];
    let table = Table::new("", names.map(Column::text).to_vec());
    Block::Table(told.overrides.iter().fold(table, |table, hand| {
        table.with_row(vec![
            Cell::text(hand.action.as_str()),
            Cell::text(story.name_of(hand.target)),
            Cell::text(hand.reason.as_str()),
            Cell::text(hand.author.as_str()),
            Cell::text(words::moment(hand.set_at)),
            Cell::text(words::moment(hand.expires_at)),
        ])
    }))
}
