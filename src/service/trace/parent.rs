//! `traceparent` of a caller: whose trace a call belongs to, and whether it is recorded
//! (W3C Trace Context, level 1, section 3.2).
//!
//! Reads and writes the header, and nothing else. Used by `trace`.

/// An identity that is not all zeroes, as hexadecimal digits of the lower case.
fn id<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let is_lower = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digits.len() != 2 * N || !is_lower {
        return None;
    }
    let mut id = [0; N];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    id.iter().any(|byte| *byte != 0).then_some(id)
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traceparent {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    pub(super) is_sampled: bool,
}

impl Traceparent {
    /// Nothing where it breaks a rule: then the call begins a trace of its own. Of later versions
    /// the four known fields are read, as they ask for.
    pub(super) fn read(header: &str) -> Option<Self> {
        let mut fields = header.split('-');
        let version = fields.next()?;
        let [version_byte]: [u8; 1] = match version {
            "00" => [0],
            other => id(other).filter(|[byte]| *byte != 0xff)?,
        };
        let (trace, span) = (id(fields.next()?)?, id(fields.next()?)?);
        let flags = fields.next()?;
        let is_hex = flags.len() == 2 && flags.bytes().all(|b| b.is_ascii_hexdigit());
        let flags = u8::from_str_radix(flags, 16).ok().filter(|_| is_hex)?;
        if version_byte == 0 && fields.next().is_some() {
            return None;
        }
        Some(Self { trace, span, is_sampled: flags & 1 == 1 })
    }
}

/// An identity as it stands in headers and logs.
pub(super) fn digits(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_header_is_read_as_the_recommendation_writes_it() {
        let read = Traceparent::read(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        assert_eq!((digits(&read.trace), digits(&read.span)), (TRACE.into(), SPAN.into()));
        assert!(read.is_sampled);
        assert!(!Traceparent::read(&format!("00-{TRACE}-{SPAN}-00")).unwrap().is_sampled);
        let later = format!("cc-{TRACE}-{SPAN}-03-what-comes-later");
        assert!(Traceparent::read(&later).unwrap().is_sampled, "a later version");
    }

    #[test]
    fn a_header_that_breaks_a_rule_is_none() {
        let (none, short) = ("0".repeat(32), &TRACE[1..]);
        let upper = TRACE.to_uppercase();
        for wrong in [
            String::new(),
            TRACE.to_owned(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{none}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{short}-{SPAN}-01"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}"),
            "00-é".to_owned(),
        ] {
            assert_eq!(Traceparent::read(&wrong), None, "{wrong}");
        }
    }
}
