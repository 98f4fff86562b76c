//! Text from outside made fit to show: no control characters, no unsafe links, known width.
//!
//! Escaping itself is done by the templates. Called by every other module here.

use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// The text with control characters and marks that reverse the writing direction replaced: they are
/// not allowed in XML, they command terminals, and they make a name look like another.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) {
        Cow::Owned(text.replace(is_unprintable, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// How many terminal cells the text takes.
pub(crate) fn cells(text: &str) -> usize {
    text.width()
}

/// About how many pixels the text takes at a font size; system fonts differ, so this errs wide.
pub(crate) fn pixels(text: &str, font_size: f64) -> f64 {
    let cells = u32::try_from(cells(text)).unwrap_or(u32::MAX);
    f64::from(cells) * font_size * 0.58
}

/// The text, cut with an ellipsis where it would be wider than `width` pixels.
pub(crate) fn fitted(text: &str, font_size: f64, width: f64) -> Cow<'_, str> {
    let text = printable(text);
    if pixels(&text, font_size) <= width {
        return text;
    }
    let mut cut = String::new();
    for letter in text.chars() {
        cut.push(letter);
        if pixels(&cut, font_size) + font_size > width {
            break;
        }
    }
    cut.pop();
    Cow::Owned(cut + "…")
}

/// The address, if following it can do no harm: `http`, `https`, or within the same site.
pub(crate) fn safe_href(href: &str) -> Option<&str> {
    let scheme_end = href.find([':', '/', '?', '#']);
    let has_scheme = scheme_end.is_some_and(|end| href[end..].starts_with(':'));
    let is_web = ["http://", "https://"].iter().any(|scheme| href.starts_with(scheme));
    let is_plain = !href.contains(is_unprintable) && !href.starts_with(char::is_whitespace);
    (is_plain && (is_web || !has_scheme)).then_some(href)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\u{fffd}[31mb");
        assert_eq!(printable("plain ünïcode"), "plain ünïcode");
        assert_eq!(printable("x\u{202e}y"), "x\u{fffd}y");
    }

    #[test]
    fn only_harmless_links_stay_links() {
        for href in ["/campaigns/a", "#top", "https://example.org/", "a/b?c=d:e", "?page=2", "x"] {
            assert_eq!(safe_href(href), Some(href));
        }
        for href in ["javascript:alert(1)", "JaVaScRiPt:x", " javascript:x", "data:text/html,x"] {
            assert_eq!(safe_href(href), None, "{href}");
        }
        assert_eq!(safe_href("java\nscript:alert(1)"), None);
    }

    #[test]
    fn long_text_is_cut_to_fit() {
        let cut = fitted("a very long name indeed", 10.0, 60.0);
        assert!(cut.ends_with('…') && pixels(&cut, 10.0) <= 60.0, "{cut}");
        assert_eq!(fitted("short", 10.0, 60.0), "short");
    }
}
