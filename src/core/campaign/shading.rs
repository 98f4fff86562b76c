//! How a campaign's bids are shaded: how much, and what for.
//!
//! Words alone: what is bid is decided by `bid`, how far the shade is given up by the engine.
//! Called by the specification of campaigns and by `shade`.

use super::SpecError;
use serde::{Deserialize, Serialize};

/// How much of the shade is taken.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ShadingLevel {
    /// None.
    #[default]
    Off,
    /// Half way from the paced value to the best bid.
    Cautious,
    /// The best bid.
    Standard,
    /// The best bid of the knot below.
    Aggressive,
}

impl ShadingLevel {
    /// The word for it in files, reports and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Cautious => "cautious",
            Self::Standard => "standard",
            Self::Aggressive => "aggressive",
        }
    }
}

/// What shading is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ShadingObjective {
    /// As many results as the budget buys: with budget to spare at the top of the multiplier's
    /// range, the shade is given up.
    #[default]
    Value,
    /// What is left over, also where that leaves results and budget behind.
    Surplus,
}

impl ShadingObjective {
    /// The word for it in files, reports and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Surplus => "surplus",
        }
    }
}

/// How a campaign's bids are shaded in first-price auctions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShadingTerms {
    /// How much of the shade is taken.
    pub level: ShadingLevel,
    /// What for.
    pub objective: ShadingObjective,
}

impl ShadingTerms {
    /// Rules that they break.
    pub(super) fn check(self, complaints: &mut Vec<SpecError>) {
        if self.level == ShadingLevel::Off && self.objective != ShadingObjective::Value {
            let rule = "needs shading cautious, standard or aggressive";
            complaints.push(SpecError::new("shading_objective", rule));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_without_shading_is_refused() {
        let told = |level, objective| {
            let mut complaints = Vec::new();
            ShadingTerms { level, objective }.check(&mut complaints);
            complaints
        };
        let (value, surplus) = (ShadingObjective::Value, ShadingObjective::Surplus);
        assert_eq!(told(ShadingLevel::Off, value), []);
        assert_eq!(told(ShadingLevel::Cautious, surplus), []);
        assert_eq!(told(ShadingLevel::Off, surplus)[0].field, "shading_objective");
    }
}
