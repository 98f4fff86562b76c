//! Questions put to the engine in the middle of a run, and edits that nobody wrote into its file:
//! why, what would happen, and then do it.
//!
//! An edit is made of what the engine has at that moment, as an operator would make it. Called by
//! the world after each round.

use super::World;
use paceline_core::budget::BudgetOwner;
use paceline_core::diagnosis::{Diagnosis, Edit};
use paceline_core::engine::Engine;
use paceline_core::input::Input;
use paceline_core::overrides::{Override, OverrideAction, OverrideChange};
use paceline_core::pace::PacingLaw;
use paceline_core::preview::Preview;
use paceline_core::units::{CampaignId, OverrideId, Span, Timestamp};
use serde::Serialize;

/// Ids of hands that are laid on here begin above those of a file's actions.
const HANDS_FROM: u64 = 1 << 32;

/// What is to be done to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// An edit.
    Edit(Edit),
    /// A hand.
    Hand {
        /// What it does.
        action: OverrideAction,
        /// For how long.
        lasts: Span,
    },
}

/// Questions and wishes, each of a campaign by index, in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Questions {
    /// Why does it deliver as it does?
    pub why: Vec<(Timestamp, usize)>,
    /// What would this do?
    pub what_if: Vec<(Timestamp, usize, Wish)>,
    /// Do this.
    pub wishes: Vec<(Timestamp, usize, Wish)>,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// Why, in the order of asking.
    pub why: Vec<(usize, Diagnosis)>,
    /// What would happen, in the order of asking; nothing where the wish was refused.
    pub what_if: Vec<(usize, Option<Preview>)>,
    /// Wishes that were granted.
    pub granted: usize,
}

/// Takes what is due from the front of a list.
fn due<T: Clone>(list: &mut Vec<T>, is_due: impl Fn(&T) -> bool) -> Vec<T> {
    let count = list.iter().take_while(|one| is_due(one)).count();
    list.drain(..count).collect()
}

/// The input that grants a wish.
fn input_of<L: PacingLaw + Clone>(
    engine: &Engine<L>,
    now: Timestamp,
    id: CampaignId,
    number: u64,
    wish: &Wish,
) -> Option<Input> {
    match *wish {
        Wish::Edit(edit) => engine.input_of(id, &edit),
        Wish::Hand { action, lasts } => Some(Input::Override(OverrideChange::Set(Override {
            id: OverrideId::from_key(HANDS_FROM + number),
            target: BudgetOwner::Campaign(id),
            action,
            reason: "a wish".to_owned(),
            author: "a wish".to_owned(),
            set_at: now,
            expires_at: now + lasts,
        }))),
    }
}

impl<L: PacingLaw + Copy> World<'_, L> {
    /// Asks what is due by now, then does what is to be done.
    pub(super) fn inquire(&mut self, now: Timestamp) {
        let Some(engine) = self.host.engine() else { return };
        for (_, campaign) in due(&mut self.questions.why, |one| one.0 <= now) {
            let told = engine.diagnose(self.hall.specs[campaign].id);
            self.answers.why.extend(told.map(|told| (campaign, told)));
        }
        for (_, campaign, wish) in due(&mut self.questions.what_if, |one| one.0 <= now) {
            let input = input_of(engine, now, self.hall.specs[campaign].id, 0, &wish);
            let told = input.and_then(|input| engine.preview(&[input]).ok());
            self.answers.what_if.push((campaign, told));
        }
        for (_, campaign, wish) in due(&mut self.questions.wishes, |one| one.0 <= now) {
            let number = u64::try_from(self.answers.granted).unwrap_or(0) + 1;
            let id = self.hall.specs[campaign].id;
            let input =
                self.host.engine().and_then(|engine| input_of(engine, now, id, number, &wish));
            let Some(input) = input else { continue };
            if let Input::Campaign(spec) = &input {
                self.hall.specs[campaign] = spec.clone();
            }
            self.tell(now, &input);
            self.answers.granted += 1;
        }
    }
}
