//! One dialogue: the engine, the campaigns by name, and the other side's clock.
//!
//! Takes lines, gives answers; does no I/O. Called by the bridge's loop and by tests.

mod advance;
mod ask;
mod money;

use super::answer::{self, Done, Fault, Refusal, Terms};
use super::fields::Complaint;
use super::lumps::Lumps;
use super::message::{self, Hello, Message};
use super::order::{self, Order};
use super::{CAMPAIGNS_MAX, LINE_MAX, VERSION};
use paceline_calendar::Zone;
use paceline_core::campaign::{LawChoice, SpecError};
use paceline_core::engine::{Applied, Engine, EngineConfig};
use paceline_core::input::Input;
use paceline_core::pace::ShippedLaw;
use paceline_core::units::{CampaignId, Name, Nanos, ProducerId, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Nanos in one plain unit, unless told otherwise.
const UNIT: f64 = 1e9;

/// What the dialogue keeps of a campaign beside the engine.
#[derive(Debug)]
struct Known {
    id: CampaignId,
    /// All that was reported, corrections aside: what totals are compared with.
    reported: Nanos,
    lumps: Lumps,
}

/// A dialogue of the protocol.
#[derive(Debug)]
pub struct Dialogue {
    config: EngineConfig,
    engine: Engine,
    known: BTreeMap<String, Known>,
    zones: BTreeMap<String, Zone>,
    clock: Option<Timestamp>,
    /// Spend is known up to here, where the other side says so.
    through: Timestamp,
    is_told: bool,
    only_changed: bool,
    unit: f64,
    law: LawChoice,
    /// Something other than a greeting has come.
    is_open: bool,
    sequence: u64,
    batches: u64,
}

impl Default for Dialogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Dialogue {
    /// Knows no campaign; spend is complete up to each step.
    #[must_use]
    pub fn new() -> Self {
        let config = EngineConfig { allowance_horizon: None, ..EngineConfig::default() };
        Self {
            config,
            engine: Engine::new(config),
            known: BTreeMap::new(),
            zones: BTreeMap::new(),
            clock: None,
            through: Timestamp::MIN,
            is_told: false,
            only_changed: false,
            unit: UNIT,
            law: LawChoice::LogPid,
            is_open: false,
            sequence: 0,
            batches: 0,
        }
    }

    /// Appends the answer to one line, without its newline. `number` is the line's, for complaints.
    pub fn answer(&mut self, number: u64, line: &[u8], out: &mut Vec<u8>) {
        let value: Value = match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(error) => {
                let text = String::from_utf8_lossy(line);
                let rule = format!("must be JSON: {error}");
                let complaint = Complaint::new("line", &Value::from(text.as_ref()), rule);
                refuse(number, None, &complaint, out);
                return;
            }
        };
        let Value::Array(items) = value else {
            self.take(number, None, value, out);
            return;
        };
        out.push(b'[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.take(number, Some(index), item, out);
        }
        out.push(b']');
    }

    /// Appends the answer to a line that was too long to be held.
    pub fn refuse_length(&mut self, number: u64, length: usize, out: &mut Vec<u8>) {
        let rule = format!("must be at most {LINE_MAX} bytes long");
        refuse(number, None, &Complaint::new("line", &json!(length), rule), out);
    }

    fn take(&mut self, number: u64, item: Option<usize>, value: Value, out: &mut Vec<u8>) {
        let result =
            message::read(value, self.unit, self.law).and_then(|message| self.obey(message, out));
        if let Err(complaint) = result {
            refuse(number, item, &complaint, out);
        }
    }

    /// Does what a message asks and writes the answer, or does nothing and complains.
    fn obey(&mut self, message: Message, out: &mut Vec<u8>) -> Result<(), Complaint> {
        let message = match message {
            Message::Hello(hello) => return self.greet(&hello, out),
            other => other,
        };
        self.is_open = true;
        match message {
            Message::Hello(_) => {}
            Message::Campaign(order) => {
                self.enter(&order)?;
                let name = order.spec.name.as_str();
                answer::write(out, &Done { ok: "campaign", id: Some(name) });
            }
            Message::Shape(shape) => {
                self.apply_checked(&Input::Shape(shape))?;
                answer::write(out, &Done { ok: "shape", id: None });
            }
            Message::Spend(spend) => self.take_spend(&spend, out)?,
            Message::Opportunities(seen) => {
                self.take_opportunities(&seen)?;
                answer::write(out, &Done { ok: "opportunities", id: Some(seen.id.as_str()) });
            }
            Message::Reported(through) => {
                self.hear(through)?;
                answer::write(out, &Done { ok: "reported", id: None });
            }
            Message::Advance(step) => self.advance(&step, out)?,
            Message::Decide(ask) => self.decide(&ask, out)?,
            Message::Explain(name) => self.explain(&name, out)?,
        }
        Ok(())
    }

    fn greet(&mut self, hello: &Hello, out: &mut Vec<u8>) -> Result<(), Complaint> {
        if self.is_open {
            let rule = "must come before every other message, once";
            return Err(Complaint::new("op", &json!("hello"), rule));
        }
        self.is_open = true;
        self.unit = hello.unit.unwrap_or(self.unit);
        self.law = hello.law.unwrap_or(self.law);
        self.is_told = hello.is_told.unwrap_or(false);
        self.only_changed = hello.only_changed.unwrap_or(false);
        let config = &mut self.config;
        config.elasticity = hello.elasticity.unwrap_or(config.elasticity);
        config.start_multiplier = hello.start_multiplier.unwrap_or(config.start_multiplier);
        if let Some(gains) = hello.gains {
            config.laws.log_pid = ShippedLaw::LogPid(gains);
        }
        self.engine = Engine::new(self.config);
        let terms = Terms {
            ok: "hello",
            version: VERSION,
            engine: env!("CARGO_PKG_VERSION"),
            unit_nanos: self.unit,
            line_max: LINE_MAX,
            campaigns_max: CAMPAIGNS_MAX,
        };
        answer::write(out, &terms);
        Ok(())
    }

    /// Enters or edits a campaign, with the payer of its zone.
    fn enter(&mut self, order: &Order) -> Result<(), Complaint> {
        let name = order.spec.name.as_str();
        if self.known.len() >= CAMPAIGNS_MAX && !self.known.contains_key(name) {
            let rule = format!("must be one of at most {CAMPAIGNS_MAX} campaigns");
            return Err(Complaint::new("id", &json!(name), rule));
        }
        let zone = order.zone.name();
        if !self.zones.contains_key(zone) {
            self.apply_checked(&Input::Advertiser(order::payer(&order.zone)))?;
            self.zones.insert(zone.to_owned(), order.zone.clone());
            if let Some(clock) = self.clock {
                self.look_ahead(clock)?;
            }
        }
        self.apply_checked(&Input::Campaign(order.spec.clone()))?;
        self.known.entry(name.to_owned()).or_insert_with(|| Known {
            id: order.spec.id,
            reported: Nanos::ZERO,
            lumps: Lumps::default(),
        });
        Ok(())
    }

    /// The engine's time: the other side's, once it has told it.
    fn now(&self) -> Timestamp {
        self.clock.unwrap_or(Timestamp::MIN)
    }

    /// Hands the engine an input whose rules it checks itself.
    fn apply_checked(&mut self, input: &Input) -> Result<(), Complaint> {
        let now = self.now();
        match self.engine.apply(now, input) {
            Applied::Refused(complaints) => Err(told(&complaints)),
            _ => Ok(()),
        }
    }

    fn known(&self, field: &str, name: &Name) -> Result<&Known, Complaint> {
        let unknown = || Complaint::new(field, &json!(name.as_str()), "must be a known campaign");
        self.known.get(name.as_str()).ok_or_else(unknown)
    }
}

/// Who reports, as far as the engine is concerned.
const fn producer() -> ProducerId {
    ProducerId::of("bridge")
}

/// The first of the engine's complaints, under the protocol's name of the field.
fn told(complaints: &[SpecError]) -> Complaint {
    let Some(first) = complaints.first() else {
        return Complaint::new("line", &Value::Null, "was refused");
    };
    let field = match first.field.as_str() {
        "advertiser" => "zone",
        other => other,
    };
    Complaint::new(field, &Value::Null, first.rule.clone())
}

fn refuse(line: u64, item: Option<usize>, complaint: &Complaint, out: &mut Vec<u8>) {
    answer::write(out, &Refusal { error: Fault { line, item, complaint } });
}
