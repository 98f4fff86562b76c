//! What a form of a page sends, read.

use axum::extract::Request;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest time a form may take to arrive: whoever sends a byte now and then must not hold a place.
/// Less than a page's five seconds, so that whoever was slow is not told that a change may be done.
const SEND_TIMEOUT: Duration = Duration::from_secs(4);

/// What was filled in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filled(BTreeMap<String, String>);

impl Filled {
    /// Reads the form of a request; nothing when it is none, longer than that, or slow to arrive.
    pub async fn of(request: Request, bytes_max: usize) -> Option<Self> {
        let bytes = axum::body::to_bytes(request.into_body(), bytes_max);
        let bytes = tokio::time::timeout(SEND_TIMEOUT, bytes).await.ok()?.ok()?;
        Self::read(&bytes)
    }

    /// Reads `name=value&…`; nothing when it is not of that form. The last of a name holds.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let read = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            Some((decoded(name)?, decoded(value)?))
        };
        pairs.map(read).collect::<Option<_>>().map(Self)
    }

    /// Every name, in their own order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What stands under a name; empty when there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_filled_in() {
        let filled = Filled::read(b"reason=too+dear+%26+late%21&for=1h&=").unwrap();
        assert_eq!((filled.get("reason"), filled.get("for")), ("too dear & late!", "1h"));
        assert_eq!(filled.get("none"), "");
        for broken in ["a", "a=%", "a=%g0", "a=%ff"] {
            assert_eq!(Filled::read(broken.as_bytes()), None, "{broken}");
        }
    }
}
