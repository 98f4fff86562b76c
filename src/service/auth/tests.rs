//! What the file of tokens says and refuses, and who may do what.

use super::*;
use prost_types::FileDescriptorSet;

/// The digest of "open sesame", as `printf %s 'open sesame' | sha256sum` tells it.
const SESAME: &str = "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb";

fn refused(text: &str) -> String {
    Keyring::parse(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_token_is_known_by_its_digest() {
    let ring =
        Keyring::parse(&format!("# who may enter\n\noperator  anna sha256:{SESAME} # by day\n"))
            .unwrap();
    let caller = ring.caller("open sesame").unwrap();
    assert_eq!((&*caller.name, caller.role), ("anna", Role::Operator));
    assert_eq!(ring.caller("open sesame\n"), None);
    assert_eq!(ring.caller(SESAME), None, "what stands in the file opens nothing");
}

#[test]
fn a_bad_line_is_told_by_number_word_and_rule_and_never_shown() {
    assert_eq!(
        refused("\nking anna sha256:00"),
        "server.tokens_file: line 2: role is \"king\" and must be one of viewer, operator, admin, \
         producer, bidder"
    );
    let secret = refused("admin anna hunter2");
    assert!(secret.starts_with("server.tokens_file: line 1: digest must be sha256: and 64"));
    assert!(!secret.contains("hunter2"), "{secret}");
    assert!(refused("admin anna").contains("has 2 words"));
    let long = format!("admin {} sha256:{SESAME}", "x".repeat(65));
    assert!(refused(&long).contains("name has 65 bytes"));
    let twice = format!("admin a sha256:{SESAME}\nviewer b sha256:{SESAME}");
    assert!(refused(&twice).starts_with("server.tokens_file: line 2: digest is the same"));
    assert!(refused("# nobody\n").contains("names nobody"));
    assert!(
        refused("admin a sha256:+1ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4e")
            .contains("64 hexadecimal digits")
    );
}

#[test]
fn a_missing_file_is_told_by_its_setting() {
    let error = Keyring::read(Path::new("no-such-tokens")).unwrap_err();
    assert_eq!(error.to_string(), "reading server.tokens_file = no-such-tokens");
}

#[test]
fn every_call_of_the_contract_was_decided_on() {
    use prost::Message as _;
    let set = FileDescriptorSet::decode(paceline_proto::v1::FILE_DESCRIPTOR_SET).unwrap();
    let mut entered = Vec::new();
    let mut count = 0;
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                count += 1;
                if Deed::of_call(&path) == Deed::Enter {
                    entered.push(method.name().to_owned());
                }
            }
        }
    }
    assert!(count >= 18, "the contract has {count} calls");
    // Everything that is not listed falls to administrators: these two are meant to.
    assert_eq!(entered, ["ApplyCatalogue", "PutShape"]);
}

#[test]
fn the_rights_in_the_docs_are_those_in_force() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for (deed, _) in RIGHTS {
        let cells = Role::ALL.map(|role| if deed.is_allowed(role) { "yes" } else { "" });
        let cells =
            cells.map(|cell| if cell.is_empty() { "|".to_owned() } else { format!("| {cell} ") });
        let row = format!("| {} {}|", deed.as_str(), cells.join(""));
        let packed = |text: &str| text.replace(' ', "");
        assert!(
            docs.lines().any(|line| packed(line) == packed(&row)),
            "docs/OPERATIONS.md has no row {row}"
        );
    }
}

#[test]
fn the_docs_name_every_call_beside_what_it_amounts_to() {
    use prost::Message as _;
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let set = FileDescriptorSet::decode(paceline_proto::v1::FILE_DESCRIPTOR_SET).unwrap();
    for deed in [Deed::Steer, Deed::Enter, Deed::Report, Deed::Bid] {
        let begin = format!("- *{}*: ", deed.as_str());
        let told = docs.lines().find(|line| line.starts_with(&begin)).expect("a line of its own");
        let mut named: Vec<&str> = told.split('`').skip(1).step_by(2).collect();
        named.sort_unstable();
        let mut due = Vec::new();
        for file in &set.file {
            for service in &file.service {
                let path = |name: &str| format!("/{}.{}/{name}", file.package(), service.name());
                let names = service.method.iter().map(|method| method.name());
                due.extend(names.filter(|name| Deed::of_call(&path(name)) == deed));
            }
        }
        due.sort_unstable();
        assert_eq!(named, due, "{}", deed.as_str());
    }
}

#[test]
fn certificates_are_known_by_one_name_of_the_file_and_never_by_two_callers() {
    let text = "bidder fleet dns:Bidder.Example # by its name\nadmin ada uri:spiffe://shop/ada\n";
    let ring = Keyring::parse(text).unwrap();
    let of = |names: &[&str]| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        for name in names {
            params.subject_alt_names.push(match name.split_once(':') {
                Some(("dns", name)) => rcgen::SanType::DnsName(name.try_into().unwrap()),
                _ => rcgen::SanType::URI(name[4..].try_into().unwrap()),
            });
        }
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let certified = Certified::of(Some(std::slice::from_ref(made.der())));
        ring.certified(&certified).map(|caller| caller.name.to_string())
    };
    assert_eq!(of(&["dns:bidder.example"]).as_deref(), Some("fleet"));
    assert_eq!(of(&["dns:other.example", "uri:spiffe://shop/ada"]).as_deref(), Some("ada"));
    assert_eq!(of(&["uri:spiffe://shop/ADA"]), None, "URIs have a size of letters");
    assert_eq!(of(&["dns:bidder.example", "uri:spiffe://shop/ada"]), None, "which of them?");
    assert_eq!(of(&[]), None);
    let many = |count: usize| {
        let mut names = vec!["dns:bidder.example".to_owned()];
        names.extend((1..count).map(|number| format!("dns:n{number}.example")));
        of(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(many(32).as_deref(), Some("fleet"));
    assert_eq!(many(33), None, "which of its names nobody read could be another's");
    assert_eq!(ring.caller("dns:bidder.example"), None, "a name is no token");
}

#[test]
fn a_comment_begins_a_word_and_a_fragment_belongs_to_its_name() {
    let ring = Keyring::parse(
        "#admin eve uri:urn:shop:eve\n\
         admin ada uri:urn:shop:roles#admin # the owner\nviewer vera uri:urn:shop:roles #admin\n",
    )
    .unwrap();
    let role = |name: &str| {
        ring.callers().get(&Credential::Name(name.to_owned())).map(|caller| caller.role)
    };
    assert_eq!(role("uri:urn:shop:roles#admin"), Some(Role::Admin));
    assert_eq!(role("uri:urn:shop:roles"), Some(Role::Viewer));
    assert_eq!(role("uri:urn:shop:eve"), None);
}

#[test]
fn pages_are_looked_at_and_only_posts_steer() {
    assert_eq!(Deed::of_page("/livez", true), Deed::Probe);
    assert_eq!(Deed::of_page("/metrics", true), Deed::Look);
    assert_eq!(Deed::of_page("/campaigns/a", false), Deed::Steer);
    assert_eq!(Deed::of_call("/paceline.v1.AdminService/Unheard"), Deed::Enter);
    assert_eq!(Deed::of_call("nonsense"), Deed::Enter);
}
