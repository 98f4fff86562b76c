//! When a certificate runs out: the one field of it that is for people.
//!
//! Reads as much of the form of RFC 5280, section 4.1, as leads to `notAfter`, since who verifies
//! certificates tells no date. Judges nothing: what cannot be read has no date. Asked by `tls` for
//! our own chain.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Tags of DER (ITU-T X.690, section 8) that stand on the way.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When the first of a chain's certificates runs out, in seconds of Unix time; nothing where one of
/// them has no date that can be read, since that one may be the first.
pub(super) fn earliest(pem: &[u8]) -> Option<i64> {
    let all = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    let dates: Option<Vec<i64>> = all.map(|one| expires(&one)).collect();
    dates?.into_iter().min()
}

/// `notAfter` of one certificate.
fn expires(der: &[u8]) -> Option<i64> {
    let (certificate, _) = inside(der, SEQUENCE)?;
    let (mut rest, _) = inside(certificate, SEQUENCE)?;
    if let Some((_, after)) = inside(rest, VERSION) {
        rest = after;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        (_, _, rest) = next(rest)?;
    }
    let (validity, _) = inside(rest, SEQUENCE)?;
    let (_, _, not_after) = next(validity)?;
    let (tag, text, _) = next(not_after)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

/// The value that stands first, if it has this tag, and what stands behind it.
fn inside(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = next(bytes)?;
    (found == tag).then_some((value, rest))
}

/// Tag and value of what stands first, and what stands behind it.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // A certificate of more than four bytes of length would not have been read.
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let digits = Some(digits).filter(|digits| (1..=4).contains(&digits.len()))?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// `YYMMDDHHMMSSZ`, with years from 1950 on, or `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn moment(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let whole = match (tag, digits.len()) {
        (UTC_TIME, 12) if digits < "50" => format!("20{digits}"),
        (UTC_TIME, 12) => format!("19{digits}"),
        (GENERALIZED_TIME, 14) => digits.to_owned(),
        _ => return None,
    };
    let at = DateTime::strptime("%Y%m%d%H%M%S", &whole).ok()?;
    Some(TimeZone::UTC.to_timestamp(at).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(year: i32) -> String {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 3, 4);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn the_first_to_run_out_of_a_chain_is_told() {
        // 2031-03-04 and 2090-03-04, as `date -u -d 2031-03-04 +%s` tells them.
        let (near, far) = (1_930_348_800, 3_792_268_800);
        assert_eq!(earliest(made(2031).as_bytes()), Some(near));
        assert_eq!(earliest(made(2090).as_bytes()), Some(far), "beyond what two digits tell");
        let chain = made(2090) + &made(2031);
        assert_eq!(earliest(chain.as_bytes()), Some(near));
        assert_eq!(earliest(b"nobody"), None);
    }

    #[test]
    fn years_of_two_digits_are_of_two_centuries() {
        assert_eq!(moment(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(moment(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(moment(GENERALIZED_TIME, "19700101000001Z"), Some(1));
        for wrong in ["700101000000", "701301000000Z", "7001010000Z", "+00101000000Z"] {
            assert_eq!(moment(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = expires(&bytes);
        }
    }
}
