//! Where a request comes from, as far as a browser says.
//!
//! A browser that another site led here would act in its reader's name, and show that site what it
//! was answered. Asked by the door and by whatever takes a form; knows no page.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;

/// Whether a browser says that the page before was one of this site. Other programs say nothing of
/// it, and have to know whatever else is asked for.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_same = |origin: &str| origin.split_once("://").map(|(_, host)| host) == host;
    site.is_none_or(|site| site == "same-origin") && origin.is_none_or(is_same)
}

/// Lets a request pass that names this machine by an address or as `localhost`. A name of another
/// site's that was made to point here is refused: to a browser its pages and ours were one site.
pub(super) async fn local(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        return next.run(request).await;
    }
    let told = "host must be an IP address or localhost where server.tokens_file is not set\n";
    (StatusCode::MISDIRECTED_REQUEST, told).into_response()
}

/// Programs that are no browsers may name no host at all.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    // `[::1]:7411`, `127.0.0.1:7411`, `localhost`.
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn what_a_browser_says_of_the_page_before_is_heeded() {
        let host = ("host", "pacer:7411");
        for (own, said) in [
            (true, &[][..]),
            (true, &[("origin", "https://pacer:7411"), ("sec-fetch-site", "same-origin")]),
            (false, &[("origin", "https://evil.example")]),
            (false, &[("origin", "https://pacer:7412")]),
            (false, &[("origin", "null")]),
            (false, &[("sec-fetch-site", "cross-site")]),
            (false, &[("sec-fetch-site", "same-site")]),
        ] {
            let said: Vec<_> = said.iter().copied().chain([host]).collect();
            assert_eq!(is_from_here(&headers(&said)), own, "{said:?}");
        }
    }

    #[test]
    fn only_addresses_and_localhost_name_this_machine() {
        for host in ["127.0.0.1", "127.0.0.1:7411", "[::1]:7411", "[::1]", "LocalHost:1"] {
            assert!(is_local(&headers(&[("host", host)])), "{host}");
        }
        for host in ["", "evil.example", "evil.example:7411", "localhost.evil.example", "[x]"] {
            assert!(!is_local(&headers(&[("host", host)])), "{host}");
        }
        assert!(is_local(&headers(&[])), "a program that names none");
    }
}
