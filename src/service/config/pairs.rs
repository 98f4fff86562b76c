//! Settings that are lists of `key=value`.
//!
//! Knows no key. Called by `check`, and by whoever uses such a list.

/// What is told of every resource anyhow: name, version, and which process it is.
pub(crate) const RESOURCE_KEYS: [&str; 3] =
    ["service.name", "service.version", "service.instance.id"];

/// `key=value,key=value`, as resources are described; nothing where it is not of that form.
pub(crate) fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let is_plain = |word: &str| !word.is_empty() && !word.chars().any(char::is_control);
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = |pair| {
        let (key, value): (&str, &str) = str::split_once(pair, '=')?;
        let (key, value) = (key.trim(), value.trim());
        (is_plain(key) && is_plain(value)).then_some((key, value))
    };
    pairs.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_described_by_pairs() {
        assert_eq!(pairs(""), Some(Vec::new()));
        let told = vec![("region", "eu"), ("deployment.environment", "a=b")];
        assert_eq!(pairs("region=eu, deployment.environment=a=b,"), Some(told));
        for wrong in ["region", "=eu", "region=", "a=b,c"] {
            assert_eq!(pairs(wrong), None, "{wrong}");
        }
    }
}
