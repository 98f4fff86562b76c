//! The scripts: loaded once, sent by their hash, each atomic on one slot.
//!
//! Each script's head says its keys and arguments. Every answer begins with a word: `done`, or why
//! not; [`Reply`] turns the refusals into faults, so that all scripts are fenced alike.

use crate::store::error::StoreFault;
use paceline_core::units::{Epoch, Generation};
use redis::{FromRedisValue, Script, Value};

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) append: Script,
    pub(super) end: Script,
    pub(super) trim: Script,
    pub(super) lead: Script,
    pub(super) renew: Script,
    pub(super) resign: Script,
    pub(super) part: Script,
    pub(super) checkpoint: Script,
    pub(super) table: Script,
    pub(super) transfer: Script,
    pub(super) past: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            append: Script::new(include_str!("scripts/append.lua")),
            end: Script::new(include_str!("scripts/end.lua")),
            trim: Script::new(include_str!("scripts/trim.lua")),
            lead: Script::new(include_str!("scripts/lead.lua")),
            renew: Script::new(include_str!("scripts/renew.lua")),
            resign: Script::new(include_str!("scripts/resign.lua")),
            part: Script::new(include_str!("scripts/part.lua")),
            checkpoint: Script::new(include_str!("scripts/checkpoint.lua")),
            table: Script::new(include_str!("scripts/table.lua")),
            transfer: Script::new(include_str!("scripts/transfer.lua")),
            past: Script::new(include_str!("scripts/past.lua")),
        }
    }
}

/// What a script answered, after its first word.
#[derive(Debug)]
pub(super) struct Reply {
    word: String,
    rest: Vec<Value>,
}

impl Reply {
    pub(super) fn new(answer: Vec<Value>) -> Result<Self, StoreFault> {
        let mut rest = answer.into_iter();
        let word = rest.next().map(redis::from_redis_value::<String>);
        match word {
            Some(Ok(word)) => Ok(Self { word, rest: rest.collect() }),
            _ => Err(StoreFault::unreadable("a script's answer", "it has no first word")),
        }
    }

    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// The value at a place after the word.
    pub(super) fn get<T: FromRedisValue>(&self, place: usize) -> Result<T, StoreFault> {
        let value = self.rest.get(place).cloned().unwrap_or_default();
        redis::from_redis_value(value)
            .map_err(|error| StoreFault::unreadable("a script's answer", error))
    }

    /// The fault a refusal stands for; `ours` is the epoch the call carried.
    pub(super) fn done(self, ours: Generation) -> Result<Self, StoreFault> {
        let current = |reply: &Self| reply.get(0).map(Epoch);
        match self.word() {
            "done" => Ok(self),
            "fenced" => Err(StoreFault::Fenced { ours: ours.epoch, current: current(&self)? }),
            "lost" => Err(StoreFault::LeadLost { ours: ours.epoch, current: current(&self)? }),
            "spent" => Err(StoreFault::EpochsSpent { above: current(&self)? }),
            "older" => {
                let held = Generation { epoch: current(&self)?, sequence: self.get(1)? };
                Err(StoreFault::TableNotNewer { held, given: ours })
            }
            "moved" => Err(StoreFault::AlreadyTaken),
            other => {
                let why = format!("its first word is {other:?}");
                Err(StoreFault::unreadable("a script's answer", why))
            }
        }
    }

    /// As [`Self::done`], for a call that carries an epoch and no table.
    pub(super) fn done_in(self, epoch: Epoch) -> Result<Self, StoreFault> {
        self.done(Generation { epoch, sequence: 0 })
    }
}
