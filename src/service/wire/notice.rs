//! Notices to messages.
//!
//! Called by the admin service.

use super::instant_message;
use crate::notice::{Told, advice};
use paceline_core::notice::NoticeCause;
use paceline_proto::v1;

/// The number that stands for a cause; by gravity.
#[must_use]
pub const fn cause_number(cause: NoticeCause) -> v1::NoticeCause {
    match cause {
        NoticeCause::Runaway => v1::NoticeCause::Runaway,
        NoticeCause::Blackout => v1::NoticeCause::Blackout,
        NoticeCause::Behind => v1::NoticeCause::Behind,
        NoticeCause::Ahead => v1::NoticeCause::Ahead,
        NoticeCause::Quarantined => v1::NoticeCause::Quarantined,
        NoticeCause::ExhaustedEarly => v1::NoticeCause::ExhaustedEarly,
        NoticeCause::CounterFault => v1::NoticeCause::CounterFault,
        NoticeCause::Blind => v1::NoticeCause::Blind,
    }
}

/// A notice as it is told.
#[must_use]
pub fn notice_message(told: &Told) -> v1::Notice {
    v1::Notice {
        partition: told.partition.into(),
        cause: cause_number(told.cause) as i32,
        object_kind: told.kind.to_owned(),
        object_id: told.name.clone(),
        since: Some(instant_message(told.since)),
        raised_at: Some(instant_message(told.raised_at)),
        cleared_at: told.cleared_at.map(instant_message),
        spent_nanos: told.spent.get(),
        planned_nanos: told.planned.get(),
        currency: told.currency.map_or_else(String::new, |currency| currency.to_string()),
        advice: advice(told.cause).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_number_in_the_order_of_gravity_and_the_same_word() {
        for (place, cause) in NoticeCause::ALL.into_iter().enumerate() {
            let number = cause_number(cause);
            assert_eq!(Ok(number as i32), i32::try_from(place + 1));
            let word = number.as_str_name().strip_prefix("NOTICE_CAUSE_").unwrap();
            assert_eq!(word.to_lowercase(), cause.as_str());
        }
    }

    #[test]
    fn a_notice_that_stands_has_no_end_and_one_that_is_over_has() {
        let stands = Told::sample("spring");
        let at = stands.raised_at;
        let told = notice_message(&stands);
        assert_eq!((told.cleared_at, told.currency.as_str(), told.partition), (None, "USD", 3));
        assert_eq!((told.spent_nanos, told.planned_nanos), (7, 5));
        let over = Told { cleared_at: Some(at), ..stands };
        assert_eq!(notice_message(&over).cleared_at, Some(instant_message(at)));
    }
}
