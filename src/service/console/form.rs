//! What a form sends: read, and known to come from one of our own pages, not long ago.
//!
//! Each form carries a mark that only this process can make, for one caller and one address. A page
//! of another site cannot know it, so that a browser that was led there does nothing here in its
//! reader's name; and a page left open overnight does nothing either. Called by whatever takes a
//! POST.

use crate::auth::Caller;
pub(super) use crate::auth::filled::Filled;
use crate::auth::origin::is_from_here;
use crate::hex;
use crate::wire::Timestamp;
use axum::extract::Request;
use paceline_view::{Field, Form, Input, State};
use ring::hmac::{HMAC_SHA256, Key, sign, verify};
use ring::rand::SystemRandom;

/// Bytes of a form: a reason has 500, and all else is short.
const FORM_BYTES_MAX: usize = 16 << 10;
/// How old a page may be when its button is pressed, in microseconds: half an hour. What it showed
/// before the button is no longer so after that.
const AGE_MICROS_MAX: i64 = 30 * 60 * 1_000_000;
/// Under which name the mark is sent.
const MARK: &str = "mark";

/// Makes marks, and knows them again. Cheap to clone; each process has its own.
#[derive(Debug, Clone)]
pub(super) struct Marks(Key);

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untaken {
    /// It cannot be read.
    Unreadable,
    /// It does not come from a page of ours for this caller and address.
    Foreign,
    /// The page is too old.
    Expired,
}

impl Untaken {
    /// What to tell the reader.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Unreadable => {
                "The form could not be read: it is too long, not a form, or did not arrive in time."
            }
            Self::Foreign => {
                "This form does not come from a page of this console that was opened by you since \
                 it was started. Nothing was done. Go back, load the page again, and repeat it."
            }
            Self::Expired => {
                "The page was opened more than half an hour ago, and what it showed may no longer \
                 be so. Nothing was done. Go back, load the page again, and repeat it."
            }
        }
    }
}

fn name(caller: Option<&Caller>) -> &str {
    caller.map_or("", |caller| &caller.name)
}

impl Marks {
    pub(super) fn new() -> Self {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new());
        Self(key.expect("the system has random numbers"))
    }

    fn text(caller: Option<&Caller>, action: &str, micros: i64) -> String {
        format!("{micros}\n{action}\n{}", name(caller))
    }

    fn make(&self, caller: Option<&Caller>, action: &str, now: Timestamp) -> String {
        let micros = now.as_micros();
        let tag = sign(&self.0, Self::text(caller, action, micros).as_bytes());
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{micros}.{tag}")
    }

    fn check(
        &self,
        mark: &str,
        caller: Option<&Caller>,
        action: &str,
        now: Timestamp,
    ) -> Result<(), Untaken> {
        let parts = || {
            let (micros, tag) = mark.split_once('.')?;
            Some((micros.parse::<i64>().ok()?, hex::digest(tag)?))
        };
        let (micros, tag) = parts().ok_or(Untaken::Foreign)?;
        let text = Self::text(caller, action, micros);
        verify(&self.0, text.as_bytes(), &tag).map_err(|_| Untaken::Foreign)?;
        let age = now.as_micros().saturating_sub(micros);
        if age > AGE_MICROS_MAX { Err(Untaken::Expired) } else { Ok(()) }
    }

    /// A form of our own: `fields`, a button, and the mark.
    pub(super) fn form(
        &self,
        caller: Option<&Caller>,
        action: &str,
        now: Timestamp,
        mut fields: Vec<Field>,
        submit: &str,
    ) -> Form {
        fields.push(Field::hidden(MARK, self.make(caller, action, now)));
        let (action, submit) = (action.to_owned(), submit.to_owned());
        Form { action, fields, submit, state: State::Watch, is_question: false }
    }

    /// What a form of ours says; who sent it.
    pub(super) async fn taken(
        &self,
        request: Request,
        now: Timestamp,
    ) -> Result<(Filled, Option<Caller>), Untaken> {
        let caller = request.extensions().get::<Caller>().cloned();
        if !is_from_here(request.headers()) {
            return Err(Untaken::Foreign);
        }
        let action = request.uri().path().to_owned();
        let filled = Filled::of(request, FORM_BYTES_MAX).await.ok_or(Untaken::Unreadable)?;
        self.check(filled.get(MARK), caller.as_ref(), &action, now)?;
        Ok((filled, caller))
    }
}

/// The question that every change is asked.
pub(super) fn reason() -> Field {
    Field::new("reason", "Why", Input::Text(500))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use axum::body::Body;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + minutes * 60_000_000)
    }

    fn caller(name: &str) -> Caller {
        Caller { name: name.into(), role: Role::Operator }
    }

    #[test]
    fn a_mark_is_good_for_one_caller_one_address_one_process_and_half_an_hour() {
        let (marks, anna, bert) = (Marks::new(), caller("anna"), caller("bert"));
        let mark = marks.make(Some(&anna), "/a", at(0));
        let check = |marks: &Marks, caller, action, minutes| {
            marks.check(&mark, caller, action, at(minutes))
        };
        assert_eq!(check(&marks, Some(&anna), "/a", 30), Ok(()));
        assert_eq!(check(&marks, Some(&anna), "/a", 31), Err(Untaken::Expired));
        assert_eq!(check(&marks, Some(&anna), "/b", 1), Err(Untaken::Foreign));
        assert_eq!(check(&marks, Some(&bert), "/a", 1), Err(Untaken::Foreign));
        assert_eq!(check(&marks, None, "/a", 1), Err(Untaken::Foreign));
        assert_eq!(check(&Marks::new(), Some(&anna), "/a", 1), Err(Untaken::Foreign));
        for mark in ["", "1.zz", ".", "x.00", &mark[1..]] {
            assert_eq!(marks.check(mark, Some(&anna), "/a", at(1)), Err(Untaken::Foreign));
        }
    }

    #[tokio::test]
    async fn a_form_from_another_site_is_not_taken_even_with_the_mark() {
        let marks = Marks::new();
        let mark = marks.make(None, "/a", at(0));
        let sent = async |origin: &str| {
            let request = Request::post("/a").header("host", "pacer:7411");
            let request = request.header("origin", origin);
            let request = request.body(Body::from(format!("mark={mark}"))).unwrap();
            marks.taken(request, at(1)).await.map(|_| ())
        };
        assert_eq!(sent("https://pacer:7411").await, Ok(()));
        assert_eq!(sent("https://evil.example").await, Err(Untaken::Foreign));
    }
}
