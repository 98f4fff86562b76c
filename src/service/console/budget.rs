//! A campaign's own budgets and caps, and the form that gives one of them another amount: what that
//! would do to spend stands before the button.
//!
//! Asks through the admin service as every other caller does; an edit rests on the generation that
//! was shown. Called by `console`.

use super::budgets::drawn;
use super::form::{Filled, reason};
use super::tree::{self, Branch};
use super::view::asked;
use super::{
    Console, Taken, as_caller, effect, frame, not_understood, notice, only_shown, refused, respond,
    see_other,
};
use crate::auth::{Caller, Deed};
use crate::config::value::{parse_money, show_money};
use crate::wire::catalogue::{campaign_held, complaint_text};
use crate::wire::{CampaignId, Currency, Micros};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use paceline_proto::v1::object_ref::Object;
use paceline_proto::v1::preview_change_request::Change;
use paceline_view::{
    Block, Cell, Column, Field, Form, Input, NavLink, Section, State as Judged, Table,
};

/// Bytes of the form as an address: a reason has 500 letters, of up to four bytes, each escaped as
/// three.
const QUESTION_BYTES_MAX: usize = 8_000;
/// The most that one budget may be, in units.
const UNITS_MAX: f64 = 4e9;

/// What is in force.
struct Held {
    campaign: v1::Campaign,
    generation: u64,
    currency: Currency,
    /// What it and those who pay for it may spend, have spent and have left.
    branch: Branch,
}

/// One amount that can be edited.
struct Choice {
    /// As it is sent.
    key: String,
    /// What it is called.
    name: String,
    micros: i64,
}

fn day(at: Option<&prost_types::Timestamp>) -> String {
    let at = at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok());
    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

const fn cap_name(horizon: v1::BudgetHorizon) -> &'static str {
    match horizon {
        v1::BudgetHorizon::Hour => "cap of an hour",
        v1::BudgetHorizon::Day => "cap of a day",
        v1::BudgetHorizon::Month => "cap of a month",
        v1::BudgetHorizon::Flight | v1::BudgetHorizon::Unspecified => "cap",
    }
}

impl Held {
    /// Nothing when it is not known here; a page when it could not be asked.
    async fn of(console: &Console, name: &str) -> Result<Option<Self>, Response> {
        let id = CampaignId::of(name);
        let handle = console.partitions.of_campaign(id);
        let Some((partition, handle)) =
            handle.and_then(|place| Some((place, console.partitions.get(place)?)))
        else {
            return Ok(None);
        };
        let question = handle.ask(move |engine| {
            let (campaign, generation) = campaign_held(engine, id)?;
            let currency = engine.advertiser(engine.campaign(id)?.advertiser)?.currency;
            let branch = tree::of_campaign(engine, id)?;
            Some(Self { campaign, generation, currency, branch })
        });
        question.await.map_err(|error| super::unled(partition, &error))
    }

    /// What is or will be in force before what has ended, so that nobody edits that by mistake.
    fn choices(&self) -> Vec<Choice> {
        let budgets = self.campaign.budgets.clone().unwrap_or_default();
        let now = self.branch.now;
        let has_ended = |flight: &v1::Flight| {
            let end = flight.end.as_ref().map(|end| end.seconds.saturating_mul(1_000_000));
            end.is_some_and(|end| end <= now.as_micros())
        };
        let mut flights: Vec<_> = budgets.flights.iter().enumerate().collect();
        flights.sort_by_key(|(_, flight)| has_ended(flight));
        let flights = flights.into_iter().filter_map(|(at, flight)| {
            let (start, end) = (day(flight.start.as_ref()), day(flight.end.as_ref()));
            Some(Choice {
                key: format!("flight-{at}"),
                name: if has_ended(flight) {
                    format!("budget of the flight {start} to {end}, which has ended")
                } else {
                    format!("budget of the flight {start} to {end}")
                },
                micros: flight.budget_micros?,
            })
        });
        let caps = budgets.caps.iter().enumerate().map(|(at, cap)| Choice {
            key: format!("cap-{at}"),
            name: cap_name(cap.horizon()).to_owned(),
            micros: cap.amount_micros,
        });
        flights.chain(caps).collect()
    }

    fn amount(&self, micros: i64) -> String {
        show_money(Micros::new(micros), self.currency)
    }

    /// The campaign with another amount; or what is wrong with what was filled in.
    fn edited(&self, filled: &Filled) -> Result<(v1::Campaign, Choice), &'static str> {
        let key = filled.get("what");
        let choice = self.choices().into_iter().find(|choice| choice.key == key);
        let choice = choice.ok_or("needs one of the amounts that are offered")?;
        let text = format!("{} {}", filled.get("to").trim(), self.currency);
        let (to, _) = parse_money(&text).ok_or("needs an amount such as 120.50")?;
        if filled.get("reason").trim().is_empty() {
            return Err("needs a reason");
        }
        let mut campaign = self.campaign.clone();
        let budgets = campaign.budgets.get_or_insert_default();
        let (kind, place) = key.split_once('-').unwrap_or_default();
        let place: usize = place.parse().unwrap_or(usize::MAX);
        match kind {
            "flight" => {
                if let Some(flight) = budgets.flights.get_mut(place) {
                    flight.budget_micros = Some(to.get());
                }
            }
            _ => {
                if let Some(cap) = budgets.caps.get_mut(place) {
                    cap.amount_micros = to.get();
                }
            }
        }
        Ok((campaign, Choice { micros: to.get(), ..choice }))
    }
}

/// The request that makes the edit, resting on what was read.
fn request(campaign: v1::Campaign, generation: u64, filled: &Filled) -> v1::ApplyCatalogueRequest {
    let object = Some(Object::CampaignId(campaign.campaign_id.clone()));
    let object = Some(v1::ObjectRef { object });
    v1::ApplyCatalogueRequest {
        expected: vec![v1::ObjectGeneration { object, generation }],
        campaigns: vec![campaign],
        reason: filled.get("reason").to_owned(),
        request_id: filled.get("request").to_owned(),
        ..v1::ApplyCatalogueRequest::default()
    }
}

fn href(name: &str) -> String {
    super::words::campaign_href(name) + "/budget"
}

fn wrong(why: &str) -> Response {
    let page = notice("Not done", Judged::Bad, format!("The form {why}."));
    respond(StatusCode::BAD_REQUEST, &page)
}

/// The amounts in force and the form; or, once it was filled in, what that would do.
pub(super) async fn ask(
    State(console): State<Console>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let held = match Held::of(&console, &name).await {
        Ok(Some(held)) => held,
        Ok(None) => return super::unknown(),
        Err(page) => return page,
    };
    let query = query.unwrap_or_default();
    let filled = match asked(&query, &["what", "to", "reason"], QUESTION_BYTES_MAX) {
        Ok(filled) => filled,
        Err(wrong) => return not_understood(&wrong),
    };
    if filled.get("what").is_empty() {
        return respond(StatusCode::OK, &form(&held, &name));
    }
    match held.edited(&filled) {
        Err(why) => wrong(why),
        Ok((campaign, choice)) => {
            shown(&console, caller, &held, (&name, &filled), (campaign, choice)).await
        }
    }
}

fn form(held: &Held, name: &str) -> paceline_view::Page {
    let choices = held.choices();
    let back = NavLink::new("Back to the campaign", super::words::campaign_href(name));
    let page = frame(&format!("Budgets of {name}"), "");
    if choices.is_empty() {
        let none = "It has no budget and no cap of its own.".to_owned();
        let section = Section::new("").with(Block::Paragraph(none));
        return page.with_section(section.with(Block::Links(vec![back])));
    }
    let columns = vec![Column::text("amount of"), Column::text("now")];
    let table = choices.iter().fold(Table::new("", columns), |table, choice| {
        table.with_row(vec![
            Cell::text(choice.name.as_str()),
            Cell::text(held.amount(choice.micros)),
        ])
    });
    let offered = choices.into_iter().map(|choice| (choice.key, choice.name)).collect();
    let most = Input::Number { min: 0.0, max: UNITS_MAX, step: 0.0 };
    let form = Form {
        action: href(name),
        fields: vec![
            Field::new("what", "Amount of", Input::Choice(offered)),
            Field::new("to", format!("From then on, {}", held.currency), most),
            reason(),
        ],
        submit: "Show what it does".to_owned(),
        is_question: true,
        ..Form::default()
    };
    let then = Section::new("Another amount").with(Block::Form(form));
    let from = Section::new("What it spends from").with(drawn(&held.branch, true));
    page.with_section(Section::new("In force").with(Block::Table(table)))
        .with_section(from)
        .with_section(then.with(Block::Links(vec![back])))
}

async fn shown(
    console: &Console,
    caller: Option<Caller>,
    held: &Held,
    (name, filled): (&str, &Filled),
    (campaign, choice): (v1::Campaign, Choice),
) -> Response {
    let change = Change::Catalogue(request(campaign, held.generation, filled));
    let asked = v1::PreviewChangeRequest { change: Some(change) };
    let told = match console.admin.preview_change(as_caller(caller.clone(), asked)).await {
        Err(status) => return refused(&status),
        Ok(told) => told.into_inner(),
    };
    if !told.complaints.is_empty() {
        let why = complaint_text(&told.complaints) + ".";
        return respond(StatusCode::BAD_REQUEST, &notice("Not done", Judged::Bad, why));
    }
    let was = held.choices().into_iter().find(|held| held.key == choice.key);
    let facts = vec![
        ("Amount of".to_owned(), Cell::text(choice.name.as_str())),
        ("Now".to_owned(), Cell::text(held.amount(was.map_or(0, |was| was.micros)))),
        ("Then".to_owned(), Cell::text(held.amount(choice.micros))),
        ("Why".to_owned(), Cell::text(filled.get("reason"))),
    ];
    let section = effect::told(Section::new("").with(Block::Facts(facts)), &told);
    let page = frame("Before it is done", "").with_section(section);
    let then = Section::new("");
    let then = if let Some(only) = only_shown(caller.as_ref(), Deed::Enter) {
        then.with(only)
    } else {
        let now = console.partitions.clock().world();
        let mut fields: Vec<Field> =
            ["what", "to", "reason"].map(|field| Field::hidden(field, filled.get(field))).to_vec();
        fields.push(Field::hidden("generation", held.generation.to_string()));
        fields.push(Field::hidden("request", format!("console-{}", now.as_micros())));
        let submit = format!("Do it: {}", held.amount(choice.micros));
        let form = console.marks.form(caller.as_ref(), &href(name), now, fields, &submit);
        then.with(Block::Form(form))
    };
    let back = NavLink::new("Another amount", href(name));
    respond(StatusCode::OK, &page.with_section(then.with(Block::Links(vec![back]))))
}

/// Gives the amount, if nobody changed the campaign since it was shown.
pub(super) async fn enter(
    State(console): State<Console>,
    Path(name): Path<String>,
    Taken { filled, caller }: Taken,
) -> Response {
    let Ok(generation) = filled.get("generation").parse() else {
        return wrong("does not say what it rests on");
    };
    let held = match Held::of(&console, &name).await {
        Ok(Some(held)) => held,
        Ok(None) => return super::unknown(),
        Err(page) => return page,
    };
    let campaign = match held.edited(&filled) {
        Ok((campaign, _)) => campaign,
        Err(why) => return wrong(why),
    };
    let asked = request(campaign, generation, &filled);
    match console.admin.apply_catalogue(as_caller(caller, asked)).await {
        Err(status) => refused(&status),
        Ok(told) => {
            let told = told.into_inner();
            if told.complaints.is_empty() && told.failures.is_empty() {
                let object = super::words::escaped(&name);
                return see_other(&format!("/audit?kind=campaign&object={object}"));
            }
            let lost = told.failures.iter().map(|lost| lost.reason.as_str());
            let why = match complaint_text(&told.complaints) {
                why if why.is_empty() => lost.collect::<Vec<_>>().join("; "),
                why => why,
            };
            let page = notice("Not done", Judged::Bad, why + ".");
            respond(StatusCode::CONFLICT, &page)
        }
    }
}
