//! What a page's reader asked for: everything stands in the address, so that a page can be kept,
//! sent and loaded again, and works without a script.
//!
//! Holds how every address is read, and what the portfolio's may say. Knows addresses, no engine.
//! Called by whichever page asks something.

use super::filter::{Filter, Word};
use super::form::Filled;
use super::sort::{Order, Sort, Way};
use super::words::escaped;
use std::fmt;

/// Bytes of an address's question: every part at its longest, escaped, has under six hundred on
/// the portfolio, and some hundred more on other pages.
pub(super) const QUERY_BYTES_MAX: usize = 2_000;
/// Bytes of what is sought: a name has no more.
pub(super) const SEARCH_BYTES_MAX: usize = 64;
/// The last page anybody can ask for: with two hundred to a page, a million campaigns beyond what
/// one service paces.
const PAGE_MAX: usize = 10_000;
/// What may be said.
const NAMES: [&str; 9] =
    ["search", "status", "pace", "held", "cause", "sort", "order", "page", "form"];

/// A part of an address that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    field: String,
    value: String,
    rule: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, rule } = self;
        if field.is_empty() { f.write_str(rule) } else { write!(f, "{field} = {value:?} {rule}") }
    }
}

/// What the reader asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub filter: Filter,
    pub order: Order,
    /// From 1.
    pub page: usize,
    /// Whether the form is open. Such a page does not load itself again.
    pub is_asking: bool,
}

impl Default for View {
    fn default() -> Self {
        let order = Order::by(Sort::Behind);
        Self { filter: Filter::default(), order, page: 1, is_asking: false }
    }
}

impl View {
    /// From the address; what it does not say is as by default.
    ///
    /// # Errors
    /// [`Wrong`] names field, value and rule of the first part that makes no sense.
    pub(super) fn read(query: &str) -> Result<Self, Wrong> {
        let filled = asked(query, &NAMES, QUERY_BYTES_MAX)?;
        let sort = one_of(&filled, "sort")?.unwrap_or(Sort::Behind);
        let way: Option<Way> = one_of(&filled, "order")?;
        let filter = Filter {
            search: search(&filled)?,
            status: one_of(&filled, "status")?,
            pace: one_of(&filled, "pace")?,
            held: one_of(&filled, "held")?,
            cause: one_of(&filled, "cause")?,
        };
        let page = page(&filled)?;
        let is_asking = match filled.get("form") {
            "" => false,
            "open" => true,
            other => return Err(wrong("form", other, "must be open".to_owned())),
        };
        let order = Order { sort, way: way.unwrap_or(sort.usual()) };
        Ok(Self { filter, order, page, is_asking })
    }

    /// The address that asks for this; what is as by default is left out.
    pub(super) fn href(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut say = |name: &str, value: &str| parts.push(format!("{name}={}", escaped(value)));
        let Filter { search, status, pace, held, cause } = &self.filter;
        if !search.is_empty() {
            say("search", search);
        }
        let words = [
            ("status", status.map(Word::word)),
            ("pace", pace.map(Word::word)),
            ("held", held.map(Word::word)),
            ("cause", cause.map(Word::word)),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                say(name, word);
            }
        }
        let usual = Self::default();
        if self.order.sort != usual.order.sort {
            say("sort", self.order.sort.word());
        }
        if self.order.way != self.order.sort.usual() {
            say("order", self.order.way.word());
        }
        if self.page != usual.page {
            say("page", &self.page.to_string());
        }
        if self.is_asking {
            say("form", "open");
        }
        if parts.is_empty() { "/".to_owned() } else { format!("/?{}", parts.join("&")) }
    }

    /// The first page of the same in another order.
    pub(super) fn sorted(&self, order: Order) -> Self {
        Self { order, page: 1, ..self.clone() }
    }

    /// The first page of others in the same order.
    pub(super) fn filtered(&self, filter: Filter) -> Self {
        Self { filter, page: 1, is_asking: false, ..self.clone() }
    }

    /// Another page of the same.
    pub(super) fn at(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The same with its form open or closed.
    pub(super) fn asking(&self, is_asking: bool) -> Self {
        Self { is_asking, ..self.clone() }
    }
}

/// What an address asks, read: at most so many bytes, and nothing but these names.
///
/// # Errors
/// [`Wrong`] where it cannot be read, or names what is not known on its page.
pub(super) fn asked(query: &str, names: &[&str], bytes_max: usize) -> Result<Filled, Wrong> {
    let whole = |rule: String| Wrong { field: String::new(), value: String::new(), rule };
    if query.len() > bytes_max {
        let bytes = query.len();
        let rule = format!("The address asks with {bytes} bytes, and at most {bytes_max} are read");
        return Err(whole(rule));
    }
    let filled = Filled::read(query.as_bytes()).ok_or_else(|| {
        let rule = "must be name=value&…, in UTF-8, with % and two hexadecimal digits for what is \
                    escaped";
        wrong("the address's question", query, rule.to_owned())
    })?;
    if let Some(name) = filled.names().find(|name| !names.contains(name)) {
        let rule = format!("is not known here: there are {}", names.join(", "));
        return Err(wrong(name, filled.get(name), rule));
    }
    Ok(filled)
}

pub(super) fn wrong(field: &str, value: &str, rule: String) -> Wrong {
    Wrong { field: field.to_owned(), value: value.to_owned(), rule }
}

/// A word of a list; nothing where nothing is said, as forms say of what was left open.
fn one_of<T: Word>(filled: &Filled, field: &str) -> Result<Option<T>, Wrong> {
    let value = filled.get(field);
    if value.is_empty() {
        return Ok(None);
    }
    let known = T::ALL.iter().copied().find(|known| known.word() == value);
    let all = || T::ALL.iter().map(|known| known.word()).collect::<Vec<_>>().join(", ");
    known.map(Some).ok_or_else(|| wrong(field, value, format!("must be one of {}", all())))
}

fn search(filled: &Filled) -> Result<String, Wrong> {
    let value = filled.get("search").trim();
    if value.len() > SEARCH_BYTES_MAX || value.chars().any(char::is_control) {
        let bytes = value.len();
        let rule = format!("has {bytes} bytes and must have at most 64, and no control characters");
        return Err(wrong("search", value, rule));
    }
    Ok(value.to_owned())
}

/// Which page of a list is asked for, from 1.
pub(super) fn page(filled: &Filled) -> Result<usize, Wrong> {
    let value = filled.get("page");
    if value.is_empty() {
        return Ok(1);
    }
    let page = value.parse().ok().filter(|page| (1..=PAGE_MAX).contains(page));
    page.ok_or_else(|| {
        wrong("page", value, format!("must be a whole number between 1 and {PAGE_MAX}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::filter::{AgainstPlan, Held, Status};
    use super::*;
    use paceline_core::diagnosis::CauseKind;
    use proptest::prelude::*;

    fn told(query: &str) -> String {
        View::read(query).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_open_is_as_by_default() {
        for query in ["", "sort=&status=&search=", "page=1", "&&", "search=+"] {
            assert_eq!(View::read(query), Ok(View::default()), "{query}");
        }
        let view = View::read("sort=spend&pace=behind&search=spring+sale").unwrap();
        assert_eq!(view.filter.search, "spring sale");
        assert_eq!(view.filter.pace, Some(AgainstPlan::Behind));
        assert_eq!(view.order, Order::by(Sort::Spend));
    }

    #[test]
    fn what_makes_no_sense_is_told_by_field_value_and_rule() {
        assert!(told("sort=evil").starts_with("sort = \"evil\" must be one of behind, name, "));
        assert_eq!(told("order=up"), "order = \"up\" must be one of rising, falling");
        for page in ["0", "-3", "x", "10001", "18446744073709551616"] {
            let due = format!("page = {page:?} must be a whole number between 1 and 10000");
            assert_eq!(told(&format!("page={page}")), due);
        }
        assert!(told("cause=bad+luck").contains("bid_limited"));
        assert!(told("sorted=name").starts_with("sorted = \"name\" is not known here: "));
        assert!(told(&format!("search={}", "x".repeat(65))).contains("has 65 bytes"));
        assert!(told("search=a%00b").contains("no control characters"));
        assert!(told("page").contains("must be name=value"));
        assert!(told(&"a=b&".repeat(600)).contains("2400 bytes"));
        assert_eq!(told("form=shut"), "form = \"shut\" must be open");
    }

    fn any_of<T: Word + fmt::Debug>() -> impl Strategy<Value = Option<T>> {
        prop::option::of(prop::sample::select(T::ALL))
    }

    proptest! {
        #[test]
        fn every_address_reads_back(
            search in "[^\\p{C}]{0,12}", status in any_of::<Status>(),
            pace in any_of::<AgainstPlan>(), held in any_of::<Held>(),
            cause in any_of::<CauseKind>(),
            sort in prop::sample::select(Sort::ALL), way in prop::sample::select(Way::ALL),
            page in 1..=PAGE_MAX, is_asking: bool,
        ) {
            let search = search.trim().to_owned();
            let filter = Filter { search, status, pace, held, cause };
            let view = View { filter, order: Order { sort, way }, page, is_asking };
            let href = view.href();
            prop_assert_eq!(View::read(href.strip_prefix("/?").unwrap_or_default()), Ok(view));
        }

        #[test]
        fn no_address_is_too_strange_to_be_answered(query in "\\PC{0,80}") {
            let _ = View::read(&query);
        }
    }
}
