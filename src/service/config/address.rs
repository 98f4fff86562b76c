//! An address that programs post to, whose path may let in whoever knows it, as those of chats do.
//!
//! Shows scheme and host alone. Knows no settings. Used by `config`, and by whoever posts.

use super::value::{Form, MASK, Value};

/// An address, or none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Address(String);

impl Address {
    /// As configured; empty where none is. Not to be shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.show())
    }
}

impl Value for Address {
    const FORM: Form = Form::Text;
    const WHAT: &'static str = "text in quotes";

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }

    /// What stands before the path. What is no address, or names a user, may be anything.
    fn show(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let hidden = || MASK.to_owned();
        let Some((scheme, rest)) = self.0.split_once("://") else { return hidden() };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match &rest[host.len()..] {
            _ if rest.contains('@') => hidden(),
            path @ ("" | "/") => format!("{scheme}://{host}{path}"),
            _ => format!("{scheme}://{host}/{MASK}"),
        }
    }

    fn is_mask(text: &str) -> bool {
        text == MASK || text.ends_with(&format!("/{MASK}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_behind_the_host_is_shown() {
        for (address, shown) in [
            ("", ""),
            ("https://hooks.example", "https://hooks.example"),
            ("https://hooks.example:8443/", "https://hooks.example:8443/"),
            ("https://hooks.example/T0/hunter2", "https://hooks.example/***"),
            ("http://[::1]:80?key=hunter2", "http://[::1]:80/***"),
            ("https://anna:hunter2@hooks.example/", "***"),
            ("hunter2", "***"),
        ] {
            let address = Address::parse(address).unwrap();
            assert_eq!((address.show(), format!("{address:?}")), (shown.to_owned(), shown.into()));
        }
    }
}
