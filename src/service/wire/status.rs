//! What a caller is answered when something did not come off.
//!
//! One place for the rule: refused becomes `INVALID_ARGUMENT` with the fields in its details, what
//! may come off later becomes `UNAVAILABLE`, anything else `INTERNAL`. Called by RPC handlers, once
//! each, at their end.

use super::Refusal;
use crate::store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// Refusals told in one status; more are only counted, so that an answer's headers stay small.
const REFUSALS_TOLD_MAX: usize = 20;

/// A message that breaks rules. Each refusal is in the details (`google.rpc.BadRequest`), the
/// first few also in the text.
#[must_use]
pub fn refused(refusals: &[Refusal]) -> Status {
    let told = &refusals[..refusals.len().min(REFUSALS_TOLD_MAX)];
    let mut text = told.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if refusals.len() > told.len() {
        text = format!("{text}; and {} more", refusals.len() - told.len());
    }
    let violations = told.iter().map(|refusal| {
        FieldViolation::new(&refusal.field, format!("is {} and {}", refusal.value, refusal.rule))
    });
    let details = ErrorDetails::with_bad_request(violations.collect::<Vec<_>>());
    Status::with_error_details(Code::InvalidArgument, text, details)
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refused(&[refusal])
    }
}

/// Something that a request names and nobody knows.
#[must_use]
pub fn unknown(refusal: &Refusal) -> Status {
    Status::not_found(refusal.to_string())
}

/// Another instance can say what was asked; `leader` names it, if it is known.
#[must_use]
pub fn not_leader(leader: Option<&str>) -> Status {
    let rest = match leader {
        None => ", and no leader is known yet".to_owned(),
        Some(address) if address.contains(':') => format!(": ask {address}"),
        Some(life) => format!(
            "; {life} does, which gives no address: ask the other instances in turn, and set \
             server.advertised_address in that one's configuration"
        ),
    };
    Status::failed_precondition(format!("this instance does not lead the partition{rest}"))
}

impl From<&StoreError> for Status {
    fn from(error: &StoreError) -> Self {
        let code = if error.is_transient() { Code::Unavailable } else { Code::Internal };
        Self::new(code, crate::error_chain(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreFault;

    #[test]
    fn a_refusal_has_its_field_in_the_details() {
        let status = Status::from(Refusal::new("price_nanos", -1, "must be at least 0"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "price_nanos is -1 and must be at least 0");
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "price_nanos");
        assert_eq!(violations[0].description, "is -1 and must be at least 0");
    }

    #[test]
    fn many_refusals_are_told_in_part_and_counted() {
        let refusals = vec![Refusal::absent("campaign_id"); 25];
        let status = refused(&refusals);
        assert!(status.message().ends_with("; and 5 more"), "{}", status.message());
    }

    #[test]
    fn who_leads_is_told_by_address_or_how_to_find_it() {
        let told = |leader| not_leader(leader).message().to_owned();
        assert!(told(Some("pacer-2:7410")).ends_with(": ask pacer-2:7410"));
        let nameless = told(Some("42-1700000000000000"));
        assert!(nameless.contains("server.advertised_address"), "{nameless}");
        assert!(told(None).ends_with("no leader is known yet"));
    }

    #[test]
    fn what_may_come_off_later_is_unavailable() {
        let error = StoreError::new("appending", StoreFault::TimedOut { millis: 5 });
        let status = Status::from(&error);
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(
            status.message(),
            "appending: no answer within 5 ms; the write may have been done"
        );
        let error = StoreError::new("appending", StoreFault::Closed);
        assert_eq!(Status::from(&error).code(), Code::Internal);
    }
}
