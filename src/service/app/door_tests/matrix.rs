//! Who may do what, cell by cell: every role, and nobody, at every call, page and command.
//!
//! The table of rights is the one printed in docs/OPERATIONS.md, by another test. Here each cell is
//! knocked at on the real ports.

use super::*;
use crate::auth::{Deed, Role};
use paceline_proto::v1::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::client::GrpcService as _;

/// What a caller meets at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// Let in, whatever came of the request.
    In,
    /// Nobody knows the token.
    Unknown,
    /// The role may not do this.
    Forbidden,
}

/// Every role, somebody with a wrong token, and somebody without one.
pub(super) fn callers() -> Vec<(Option<Role>, Option<String>)> {
    let roles = Role::ALL.map(|role| (Some(role), Some(format!("{role}{SUFFIX}"))));
    roles.into_iter().chain([(None, Some("wrong".to_owned())), (None, None)]).collect()
}

/// What is due to a role by the table of rights.
fn due(deed: Deed, role: Option<Role>) -> Met {
    match role {
        _ if deed == Deed::Probe => Met::In,
        None => Met::Unknown,
        Some(role) if deed.is_allowed(role) => Met::In,
        Some(_) => Met::Forbidden,
    }
}

pub(super) fn every_call() -> Vec<String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut calls = vec![
        "/grpc.health.v1.Health/Check".to_owned(),
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned(),
    ];
    for file in &set.file {
        for service in &file.service {
            let path = |name: &str| format!("/{}.{}/{name}", file.package(), service.name());
            calls.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    calls
}

/// An empty message to a call; what the door said to it.
async fn knock(channel: &Channel, address: SocketAddr, path: &str, token: Option<&str>) -> Met {
    let mut request = axum::http::Request::post(format!("https://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    // A frame of no bytes: not compressed, of length zero.
    let body = tonic::body::Body::new(axum::body::Body::from(vec![0_u8; 5]));
    let mut channel = channel.clone();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let answer = channel.call(request.body(body).unwrap()).await.unwrap();
    match answer.headers().get("grpc-status").and_then(|status| status.to_str().ok()) {
        Some("16") => Met::Unknown,
        Some("7") => Met::Forbidden,
        _ => Met::In,
    }
}

async fn every_cell_of_calls(grpc: SocketAddr, pem: &str) {
    let channel = channel(grpc, pem).await;
    let calls = every_call();
    assert!(calls.len() >= 23, "{calls:?}");
    for path in &calls {
        for (role, token) in callers() {
            let met = knock(&channel, grpc, path, token.as_deref()).await;
            assert_eq!(met, due(Deed::of_call(path), role), "{path} by {role:?} with {token:?}");
        }
    }
}

async fn every_cell_of_pages(http: SocketAddr, pem: &str) {
    let looks = [
        "/",
        "/campaigns/nobody",
        "/campaigns/nobody/past",
        "/campaigns/nobody/hand",
        "/campaigns/nobody/budget",
        "/budgets",
        "/?search=nobody",
        "/overrides",
        "/overrides/00000000000000aa",
        "/audit",
        "/audit/0-1",
        "/fleet",
        "/metrics",
        "/livez",
        "/readyz",
        "/nowhere",
    ];
    let does = [
        "/campaigns/nobody/hand",
        "/campaigns/nobody/budget",
        "/overrides/00000000000000aa",
        "/audit/0-1",
    ];
    let looks = looks.map(|path| ("GET", path));
    for (method, path) in looks.into_iter().chain(does.map(|path| ("POST", path))) {
        for (role, token) in callers() {
            let header = token
                .as_ref()
                .map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
            let told = ask(http, pem, &format!("{method} {path}"), &header).await;
            let met = match told.split(' ').nth(1) {
                Some("401") => Met::Unknown,
                // Who was let in with a form that is none of ours is told so on a page.
                Some("403") if told.contains("which may not") => Met::Forbidden,
                _ => Met::In,
            };
            let deed = Deed::of_page(path, method == "GET");
            assert_eq!(met, due(deed, role), "{method} {path} by {role:?}, {token:?}: {told}");
        }
    }
}

/// Every command, with the right that it takes.
fn every_command(file: &str) -> Vec<(Vec<String>, Deed)> {
    let hand = "--for 1h --reason test";
    let lines: Vec<(String, Deed)> = vec![
        (format!("apply -f {file}"), Deed::Enter),
        (format!("diff -f {file}"), Deed::Look),
        (format!("preview apply -f {file}"), Deed::Look),
        (format!("preview pause nobody {hand}"), Deed::Look),
        (format!("preview freeze nobody {hand}"), Deed::Look),
        (format!("preview fix nobody 35% {hand}"), Deed::Look),
        (format!("preview cap nobody 35% {hand}"), Deed::Look),
        ("preview clear 00000000000000aa".to_owned(), Deed::Look),
        ("export".to_owned(), Deed::Look),
        ("list".to_owned(), Deed::Look),
        ("explain nobody".to_owned(), Deed::Look),
        ("explain nobody --segment web --value 1000000".to_owned(), Deed::Look),
        ("totals".to_owned(), Deed::Look),
        (format!("pause nobody {hand}"), Deed::Steer),
        (format!("freeze nobody {hand}"), Deed::Steer),
        (format!("fix nobody 35% {hand}"), Deed::Steer),
        (format!("cap nobody 35% {hand}"), Deed::Steer),
        ("clear 00000000000000aa".to_owned(), Deed::Steer),
        ("overrides".to_owned(), Deed::Look),
        // Where no campaign fits, many are only looked for.
        (format!("bulk pause {hand} --yes"), Deed::Look),
        (format!("bulk freeze {hand} --yes"), Deed::Look),
        (format!("bulk fix 35% {hand} --yes"), Deed::Look),
        (format!("bulk cap 35% {hand} --yes"), Deed::Look),
        ("bulk clear --yes".to_owned(), Deed::Look),
        // A hand that is not on is looked for first.
        (format!("extend 00000000000000aa {hand}"), Deed::Look),
        ("wait".to_owned(), Deed::Look),
        ("suspense list".to_owned(), Deed::Look),
        ("suspense post 00000000000000aa --reason test".to_owned(), Deed::Steer),
        ("suspense drop 00000000000000aa --reason test".to_owned(), Deed::Steer),
        ("counter accept nobody --reason test".to_owned(), Deed::Steer),
        ("audit list".to_owned(), Deed::Look),
        ("audit show 0-1".to_owned(), Deed::Look),
        ("audit export".to_owned(), Deed::Look),
        ("audit verify".to_owned(), Deed::Look),
        ("undo 0-1 --reason test".to_owned(), Deed::Steer),
        ("notices".to_owned(), Deed::Look),
        ("partition-of nobody".to_owned(), Deed::Look),
        ("status".to_owned(), Deed::Look),
    ];
    let words = |line: String| line.split(' ').map(str::to_owned).collect();
    lines.into_iter().map(|(line, deed)| (words(line), deed)).collect()
}

/// The names of all commands of `ctl` that do something, such as `audit list`.
fn every_name() -> Vec<String> {
    fn below(command: &clap::Command, path: &str, names: &mut Vec<String>) {
        for one in command.get_subcommands() {
            let path = format!("{path}{}", one.get_name());
            if one.has_subcommands() {
                below(one, &format!("{path} "), names);
            } else {
                names.push(path);
            }
        }
    }
    use clap::CommandFactory as _;
    let command = crate::args::Arguments::command();
    let mut names = Vec::new();
    below(command.find_subcommand("ctl").unwrap(), "", &mut names);
    names
}

#[test]
fn no_command_is_left_out_of_the_table() {
    let listed = every_command("x").into_iter().map(|(words, _)| words.join(" ") + " ");
    let listed: Vec<String> = listed.collect();
    let names = every_name();
    assert!(names.len() >= 30, "{names:?}");
    for name in names {
        let is_listed = listed.iter().any(|line| line.starts_with(&format!("{name} ")));
        assert!(is_listed, "{name}");
    }
}

async fn every_cell_of_commands(grpc: SocketAddr, folder: &Path) {
    let file = folder.join("empty.toml");
    std::fs::write(&file, "").unwrap();
    for (words, deed) in every_command(file.to_str().unwrap()) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for role in Role::ALL.into_iter().map(Some).chain([None]) {
            let name = role.map_or("nobody", Role::as_str);
            let told = ctl(grpc, folder, name, &words).await;
            let trouble = told.trouble.map(|why| why.to_string()).unwrap_or_default();
            let met = match trouble {
                _ if trouble.contains("which may not") => Met::Forbidden,
                _ if trouble.contains("authorization is absent or unknown") => Met::Unknown,
                _ => Met::In,
            };
            assert_eq!(met, due(deed, role), "{words:?} by {name}: {trouble}");
        }
    }
}

/// The value of a header of an answer.
fn header<'a>(told: &'a str, name: &str) -> &'a str {
    let line = told.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    });
    line.unwrap_or_else(|| panic!("no {name} in {told}"))
}

/// Logs in with a form; the cookie, or what was said instead.
async fn log_in(http: SocketAddr, pem: &str, token: &str) -> Result<String, String> {
    let body = format!("token={token}");
    let head = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let told = ask(http, pem, "POST /login", &head).await;
    if !told.starts_with("HTTP/1.1 303 ") {
        return Err(told);
    }
    let cookie = header(&told, "set-cookie").to_owned();
    for word in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    Ok(cookie.split(';').next().unwrap().to_owned())
}

async fn a_session_is_as_good_as_its_token(http: SocketAddr, pem: &str, folder: &Path) {
    let person = "Accept: text/html\r\n";
    let told = ask(http, pem, "GET /", person).await;
    assert!(told.starts_with("HTTP/1.1 401 ") && told.contains("action=\"/login\""), "{told}");
    assert!(!told.to_lowercase().contains("www-authenticate"), "a form asks, not the browser");
    let told = log_in(http, pem, "wrong").await.unwrap_err();
    assert!(told.starts_with("HTTP/1.1 401 ") && !told.contains("set-cookie"), "{told}");

    let cookie = log_in(http, pem, &format!("viewer{SUFFIX}")).await.unwrap();
    let with = format!("{person}Cookie: a=b; {cookie}\r\n");
    let told = ask(http, pem, "GET /", &with).await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    let told = ask(http, pem, "POST /audit/0-1", &with).await;
    assert!(told.starts_with("HTTP/1.1 403 ") && told.contains("may not steer"), "{told}");
    let told = ask(http, pem, "GET /login", &with).await;
    assert!(told.contains("You are the-viewer, with the role viewer."), "{told}");
    let told = ask(http, pem, "POST /logout", &with).await;
    assert!(told.starts_with("HTTP/1.1 303 "), "{told}");
    let told = ask(http, pem, "GET /", &with).await;
    assert!(told.starts_with("HTTP/1.1 401 "), "the session was closed: {told}");

    let cookie = log_in(http, pem, &format!("viewer{SUFFIX}")).await.unwrap();
    let with = format!("{person}Cookie: {cookie}\r\n");
    let tokens = folder.join("tokens");
    let kept: String = std::fs::read_to_string(&tokens)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("viewer"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&tokens, kept).unwrap();
    for left in (0..600).rev() {
        let told = ask(http, pem, "GET /", &with).await;
        if told.starts_with("HTTP/1.1 401 ") {
            break;
        }
        assert!(left > 0, "a token that was struck out still opens a session: {told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn every_cell_of_the_table_of_rights_holds_at_both_ports_and_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (config, pem) = guarded(folder.path());
    let metrics = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let guide = async {
        let addresses = announced.await.unwrap();
        every_cell_of_calls(addresses.grpc, &pem).await;
        every_cell_of_pages(addresses.http, &pem).await;
        every_cell_of_commands(addresses.grpc, folder.path()).await;
        a_session_is_as_good_as_its_token(addresses.http, &pem, folder.path()).await;
        hand.send(()).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(config, metrics, signals, announce), guide);
    result.unwrap();
}
