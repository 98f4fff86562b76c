//! The rules that bind keys together: times, the store, who may reach what, and the webhook.
//!
//! Judges a configuration whose keys are each in their range; knows no files. Called by `check`.

use super::super::Config;
use super::super::raw::Origin;
use super::super::value::{StoreKind, Value};
use super::{Complaint, Reader};
use paceline_core::units::Span;
use std::collections::BTreeSet;

/// The rules that bind keys together.
pub(super) struct Bindings<'a> {
    pub(super) config: &'a Config,
    pub(super) reader: &'a mut Reader,
}

impl Bindings<'_> {
    /// Complains about the first of `keys` unless `holds`. Silent while one of them has a
    /// complaint of its own: a rule judged on a default in its stead would mislead.
    fn bind(&mut self, keys: &[&'static str], holds: bool, value: &str, rule: &str) {
        let complained: BTreeSet<_> = self.reader.complaints.iter().map(|c| &c.key[..]).collect();
        if holds || keys.iter().any(|key| complained.contains(key)) {
            return;
        }
        // The place shown is the first that somebody wrote: the default cannot be mended.
        let said = |key: &&&'static str| self.reader.origins[**key] != Origin::Default;
        let at = keys.iter().find(said).unwrap_or(&keys[0]);
        let origin = self.reader.origins[at].clone();
        let (key, value, rule) = (keys[0].to_owned(), value.to_owned(), rule.to_owned());
        self.reader.complaints.push(Complaint { origin, key, value, rule });
    }

    pub(super) fn check_all(&mut self) {
        self.check_times();
        self.check_store();
        self.check_server();
        self.check_notices();
        self.check_traces();
        let bits = self.config.ledger.producer_gap_bits;
        let rule = "must be a multiple of 64";
        self.bind(&["ledger.producer_gap_bits"], bits.is_multiple_of(64), &bits.show(), rule);
    }

    fn check_times(&mut self) {
        let config = self.config;
        let tick = config.control_loop.tick;
        let three = tick.times(3);
        let mut at_least = |key, span: Span, other, least: Span, what: &str| {
            let rule = format!("must be at least {what}, {}", least.show());
            self.bind(&[key, other], span >= least, &quoted(&span), &rule);
        };
        let (looped, lease) = (&config.control_loop, &config.lease);
        at_least("lease.valid", lease.valid, "loop.tick", three, "three ticks");
        at_least("loop.blind_limit", looped.blind_limit, "loop.tick", three, "three ticks");
        at_least("loop.source_timeout", looped.source_timeout, "loop.tick", three, "three ticks");
        let horizon = config.allowance.horizon;
        at_least("allowance.horizon", horizon, "lease.valid", lease.valid, "lease.valid");

        let mut at_most = |key, span: Span, most: Span| {
            let rule = format!("must be at most loop.tick, {}", most.show());
            self.bind(&[key, "loop.tick"], span <= most, &quoted(&span), &rule);
        };
        at_most("loop.min_tick_interval", looped.min_tick_interval, tick);
        at_most("counters.poll_interval", config.counters.poll_interval, tick);
        let rule = format!("must be at most lease.valid, {}", lease.valid.show());
        let keys = ["loop.lead", "lease.valid"];
        self.bind(&keys, looped.lead <= lease.valid, &quoted(&looped.lead), &rule);

        let (idle, age) = (config.console.session_idle_max, config.console.session_age_max);
        let rule = format!("must be at most console.session_age_max, {}", age.show());
        let keys = ["console.session_idle_max", "console.session_age_max"];
        self.bind(&keys, idle <= age, &quoted(&idle), &rule);
    }

    fn check_store(&mut self) {
        let store = &self.config.store;
        let url = store.redis_url.as_str();
        let schemes = ["redis://", "rediss://", "redis+unix://"];
        let host = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        let is_known = host.is_some_and(|host| !host.is_empty());
        let has_password = host.is_some_and(|host| host.contains('@'));
        let shown = if url.contains('@') { "\"***\"".to_owned() } else { format!("{url:?}") };
        let rule = "must begin with redis:// or rediss:// and name a host, or with redis+unix:// \
                    and name a socket";
        self.bind(&["store.redis_url"], is_known, &shown, rule);
        let rule = "must hold no user or password; use store.redis_username and \
                    store.redis_password_file";
        self.bind(&["store.redis_url"], !has_password, &shown, rule);

        let is_encrypted = url.starts_with("rediss://");
        let authority = &store.redis_authority_file;
        let rule = "needs a store.redis_url that begins with rediss://";
        let keys = ["store.redis_authority_file", "store.redis_url"];
        self.bind(&keys, authority.is_none() || is_encrypted, &quoted(authority), rule);

        let needs_redis = self.config.counters.enabled && store.kind == StoreKind::Embedded;
        let rule = "needs store.kind = \"redis\": counters live there";
        self.bind(&["counters.enabled", "store.kind"], !needs_redis, "true", rule);
    }

    fn check_server(&mut self) {
        let server = &self.config.server;
        let has_certificate = server.tls_certificate_file.is_some();
        let has_key = server.tls_key_file.file().is_some();
        let shown = quoted(&server.tls_certificate_file);
        let rule = "must be set together with server.tls_key_file, or neither";
        let keys = ["server.tls_certificate_file", "server.tls_key_file"];
        self.bind(&keys, has_certificate == has_key, &shown, rule);

        self.check_callers(has_certificate && has_key);
        let is_guarded = has_certificate && has_key && server.tokens_file.file().is_some();
        let is_allowed = is_guarded || server.insecure;
        let rule = "is not a loopback address: set server.tls_certificate_file, \
                    server.tls_key_file and server.tokens_file, or say server.insecure = true";
        for (key, address) in
            [("server.grpc_listen", server.grpc_listen), ("server.http_listen", server.http_listen)]
        {
            let holds = is_allowed || address.ip().is_loopback();
            self.bind(&[key], holds, &quoted(&address), rule);
        }
        let address = &server.advertised_address;
        let rule = "must be a host and a port, like \"pacer-1.example:7410\", or \"\"";
        let holds = address.is_empty() || is_host_and_port(address);
        self.bind(&["server.advertised_address"], holds, &quoted(address), rule);
        let (grpc, http) = (server.grpc_listen, server.http_listen);
        let rule = "must differ from server.grpc_listen";
        let holds = grpc != http || grpc.port() == 0;
        self.bind(&["server.http_listen", "server.grpc_listen"], holds, &quoted(&http), rule);
    }

    /// Callers' certificates: where one is asked for, there has to be ours, and names for theirs.
    fn check_callers(&mut self, is_encrypted: bool) {
        let server = &self.config.server;
        let authority = &server.tls_client_authority_file;
        let has_tokens = server.tokens_file.file().is_some();
        let holds = authority.is_none() || is_encrypted && has_tokens;
        let rule = "needs server.tls_certificate_file, server.tls_key_file, and \
                    server.tokens_file, which says who has which name";
        let file = "server.tls_client_authority_file";
        let ours = ["server.tls_certificate_file", "server.tls_key_file", "server.tokens_file"];
        self.bind(&[file, ours[0], ours[1], ours[2]], holds, &quoted(authority), rule);
        let holds = authority.is_some() || !server.tls_client_required;
        let rule = "needs server.tls_client_authority_file: whose word counts";
        self.bind(&["server.tls_client_required", file], holds, "true", rule);
    }

    fn check_traces(&mut self) {
        let (telemetry, server) = (&self.config.telemetry, &self.config.server);
        let url = telemetry.traces_endpoint.as_str();
        let rule = "must begin with https://, or with http:// and name a loopback host, or be \
                    \"\"; server.insecure = true allows any http://";
        let shown = if url.contains('@') { "\"***\"".to_owned() } else { format!("{url:?}") };
        let keys = ["telemetry.traces_endpoint", "server.insecure"];
        self.bind(&keys, url.is_empty() || is_sealed(url, server.insecure), &shown, rule);
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let is_bare = !rest.trim_end_matches('/').contains(['/', '?', '#']);
        let rule = "must end with its host and port: OTLP over gRPC knows no path";
        self.bind(&["telemetry.traces_endpoint"], is_bare, &shown, rule);
        let rule = "must hold no user or password";
        self.bind(&["telemetry.traces_endpoint"], !url.contains('@'), &shown, rule);
        let name = &telemetry.traces_service_name;
        let is_name = !name.is_empty() && !name.chars().any(char::is_control);
        let rule = "must be a name, without control characters";
        self.bind(&["telemetry.traces_service_name"], is_name, &quoted(name), rule);
        let pairs = &telemetry.traces_attributes;
        let is_listed = crate::config::pairs(pairs).is_some_and(|pairs| {
            let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
            keys.extend(crate::config::RESOURCE_KEYS);
            keys.sort_unstable();
            keys.windows(2).all(|pair| pair[0] != pair[1])
        });
        let rule = "must be like \"region=eu,deployment.environment=prod\", each key once and none \
                    of ours, or \"\"";
        self.bind(&["telemetry.traces_attributes"], is_listed, &quoted(pairs), rule);
    }

    fn check_notices(&mut self) {
        let (notices, server) = (&self.config.notices, &self.config.server);
        let url = notices.webhook_url.as_str();
        let shown = format!("{:?}", notices.webhook_url.show());
        let is_sealed = is_sealed(url, server.insecure);
        let rule = "must begin with https://, or with http:// and name a loopback host, or be \
                    \"\"; server.insecure = true allows any http://";
        let keys = ["notices.webhook_url", "server.insecure"];
        self.bind(&keys, url.is_empty() || is_sealed, &shown, rule);
        let rule = "must hold no user or password";
        self.bind(&["notices.webhook_url"], !url.contains('@'), &shown, rule);
        let has_secret = notices.webhook_secret_file.file().is_some();
        let rule = "needs notices.webhook_secret_file: a receiver must be able to tell who posts";
        let keys = ["notices.webhook_url", "notices.webhook_secret_file"];
        self.bind(&keys, url.is_empty() || has_secret, &shown, rule);
        let authority = &notices.webhook_authority_file;
        let rule = "needs a notices.webhook_url that begins with https://";
        let holds = authority.is_none() || url.starts_with("https://");
        let keys = ["notices.webhook_authority_file", "notices.webhook_url"];
        self.bind(&keys, holds, &quoted(authority), rule);
    }
}

/// Whether nobody on the way can read what is sent there, or that is allowed.
fn is_sealed(url: &str, is_insecure: bool) -> bool {
    let uri = url.parse::<axum::http::Uri>().ok();
    let is_near = uri.as_ref().and_then(axum::http::Uri::host).is_some_and(|name| {
        let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    let is_plain = url.starts_with("http://");
    uri.is_some() && (url.starts_with("https://") || (is_plain && (is_near || is_insecure)))
}

/// Whether others can reach it: a name or an address, and a port that is not "any".
fn is_host_and_port(text: &str) -> bool {
    let is_host_letter = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && host.chars().all(is_host_letter)
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// In quotes, as it would stand in the file.
fn quoted<T: Value>(value: &T) -> String {
    format!("{:?}", value.show())
}
