//! Who somebody is by the certificate they showed: its alternative names, as the handshake found
//! them vouched for.
//!
//! A subject's own words are not read: they are for people, and RFC 9525, section 2, has names of
//! programs in the alternative names alone. Knows no authority: whose word counts is `tls`'s
//! affair, and no certificate comes here that did not pass there. Asked by the doors.

use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use webpki::EndEntityCert;

/// What a name of the DNS begins with, in the file of tokens too.
pub(super) const DNS: &str = "dns:";
/// What a URI begins with, in the file of tokens too.
pub(super) const URI: &str = "uri:";
/// Bytes of a name: as many as one of the DNS may have.
pub(super) const NAME_BYTES_MAX: usize = 253;
/// Names of one certificate; one with more is nobody's, since a name that was not read could be
/// another caller's.
const NAMES_MAX: usize = 32;

/// The names of a certificate that was vouched for; of none, there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certified(Arc<[String]>);

impl Certified {
    /// What the first certificate of a chain says, which is whose the connection is.
    #[must_use]
    pub fn of(chain: Option<&[CertificateDer<'_>]>) -> Self {
        let Some(own) = chain.and_then(<[_]>::first) else { return Self::default() };
        // The handshake has read it once already.
        let Ok(read) = EndEntityCert::try_from(own) else { return Self::default() };
        let dns = read.valid_dns_names().map(|name| DNS.to_owned() + &name.to_ascii_lowercase());
        let uris = read.valid_uri_names().map(|name| URI.to_owned() + name);
        let all: Vec<String> = dns.chain(uris).take(NAMES_MAX + 1).collect();
        if all.len() > NAMES_MAX {
            return Self::default();
        }
        Self(all.into_iter().filter(|name| !is_wild(name)).collect())
    }

    /// Every name, with its kind before it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// A name as it stands in the file of tokens; nothing when it is none.
pub(super) fn name(word: &str) -> Option<String> {
    let is_short = |name: &str| (1..=NAME_BYTES_MAX).contains(&name.len());
    let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_graphic());
    let rest = word.strip_prefix(DNS).or_else(|| word.strip_prefix(URI));
    rest.filter(|name| is_short(name) && is_plain(name))?;
    if is_wild(word) {
        return None;
    }
    // Names of the DNS have no size of letters; URIs do.
    Some(if word.starts_with(DNS) { word.to_ascii_lowercase() } else { word.to_owned() })
}

/// Whether it is a pattern of the DNS, which is for those who serve: whoever calls is one.
fn is_wild(name: &str) -> bool {
    name.starts_with(DNS) && name.contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    #[test]
    fn names_of_both_kinds_are_read_and_subjects_are_not() {
        let mut params = CertificateParams::new(vec![
            "Bidder-7.Example".to_owned(),
            "*.shop.example".to_owned(),
        ])
        .unwrap();
        let uri = "spiffe://shop.example/Bidder".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
        params.distinguished_name.push(rcgen::DnType::CommonName, "admin.example");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let told = Certified::of(Some(std::slice::from_ref(made.der())));
        let names: Vec<&str> = told.names().collect();
        assert_eq!(names, ["dns:bidder-7.example", "uri:spiffe://shop.example/Bidder"]);
        assert_eq!(Certified::of(None), Certified::default());
        let nonsense = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
        assert_eq!(Certified::of(Some(&[nonsense])), Certified::default());
    }

    #[test]
    fn a_name_in_the_file_is_of_a_kind_and_short() {
        assert_eq!(name("dns:Bidder.Example").as_deref(), Some("dns:bidder.example"));
        assert_eq!(name("uri:spiffe://a/B").as_deref(), Some("uri:spiffe://a/B"));
        for wrong in ["", "dns:", "uri:", "mail:a@b", "dns:a\u{e9}", "dns:*.shop", "bidder"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        assert_eq!(name(&format!("dns:{}", "x".repeat(254))), None);
    }
}
