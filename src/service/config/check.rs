//! From what was written to what holds: every key with its range, then the rules that bind keys
//! together.
//!
//! [`visit`] is the one list of keys; reading, printing and refusing unknown keys all walk it.
//! Collects every complaint; rules between keys are `bindings`. Called by [`super::load`].

mod bindings;

use super::raw::{Origin, RawConfig, RawValue};
use super::value::{Bytes, Form, Value};
use super::{Config, Effective, default_partitions};
use bindings::Bindings;
use paceline_core::units::{Ppm, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One thing that is wrong: where, which key, which value, which rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// Who said so.
    pub origin: Origin,
    /// Path of the key, e.g. `loop.tick`; empty when the file as a whole is meant.
    pub key: String,
    /// As written; secrets masked.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
}

impl Complaint {
    /// About a file as a whole.
    #[must_use]
    pub fn of_file(origin: Origin, rule: &str) -> Self {
        Self { origin, key: String::new(), value: String::new(), rule: rule.to_owned() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.origin, self.rule);
        }
        write!(f, "{}: {} = {}: {}", self.origin, self.key, self.value, self.rule)
    }
}

/// Every complaint about a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one; in order of place.
    pub complaints: Vec<Complaint>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.complaints.len();
        write!(f, "the configuration has {count} fault{}", if count == 1 { "" } else { "s" })?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n  {complaint}"))
    }
}

/// Least and most a value may be, both allowed.
#[derive(Debug, Clone, Copy)]
pub struct Within<T>(pub T, pub T);

/// Someone who walks every key.
pub trait Visitor {
    /// One key, the place of its value, its range.
    fn field<T: Value + PartialOrd>(&mut self, key: &'static str, place: &mut T, within: Within<T>);

    /// One key whose values have no order.
    fn plain<T: Value>(&mut self, key: &'static str, place: &mut T);
}

/// Walks every key in the order of the reference file.
pub fn visit<V: Visitor>(config: &mut Config, v: &mut V) {
    const fn ms(millis: i64) -> Span {
        Span::from_millis(millis)
    }
    const fn secs(secs: i64) -> Span {
        Span::from_secs(secs)
    }
    v.field("partitions", &mut config.partitions, Within(1, 64));

    let store = &mut config.store;
    v.plain("store.kind", &mut store.kind);
    v.plain("store.path", &mut store.path);
    v.plain("store.redis_url", &mut store.redis_url);
    v.plain("store.redis_username", &mut store.redis_username);
    v.plain("store.redis_password_file", &mut store.redis_password_file);
    v.plain("store.redis_authority_file", &mut store.redis_authority_file);
    v.field("store.connect_timeout", &mut store.connect_timeout, Within(ms(100), secs(30)));
    v.field("store.command_timeout", &mut store.command_timeout, Within(ms(50), secs(30)));

    let catalog = &mut config.catalog;
    v.plain("catalog.file", &mut catalog.file);
    v.field("catalog.reload_interval", &mut catalog.reload_interval, Within(secs(1), Span::HOUR));

    let looped = &mut config.control_loop;
    v.field("loop.tick", &mut looped.tick, Within(secs(1), secs(60)));
    v.field("loop.min_tick_interval", &mut looped.min_tick_interval, Within(ms(10), secs(10)));
    v.field("loop.lead", &mut looped.lead, Within(secs(1), secs(300)));
    v.field("loop.inbox_events_max", &mut looped.inbox_events_max, Within(1_024, 4_194_304));
    v.field("loop.blind_limit", &mut looped.blind_limit, Within(secs(3), Span::HOUR));
    v.field("loop.source_timeout", &mut looped.source_timeout, Within(secs(3), Span::HOUR));

    let lease = &mut config.lease;
    v.field("lease.valid", &mut lease.valid, Within(secs(3), secs(600)));
    v.field("lease.grace", &mut lease.grace, Within(Span::ZERO, Span::HOUR));

    let allowance = &mut config.allowance;
    v.plain("allowance.enabled", &mut allowance.enabled);
    v.field("allowance.horizon", &mut allowance.horizon, Within(secs(3), Span::HOUR));
    visit_control(config, v);
    visit_outside(config, v);
}

/// The keys of plan, law, ledger and log.
fn visit_control<V: Visitor>(config: &mut Config, v: &mut V) {
    let half = Ppm::new(500_000);
    let plan = &mut config.plan;
    v.field("plan.replan_interval", &mut plan.replan_interval, Within(Span::MINUTE, Span::DAY));
    v.field("plan.finish_share", &mut plan.finish_share, Within(half, Ppm::ONE));

    let law = &mut config.law;
    let (constant_min, constant_max) = (Span::from_mins(30), Span::from_mins(180));
    v.field("law.elasticity", &mut law.elasticity, Within(0.5, 4.0));
    v.field("law.time_constant", &mut law.time_constant, Within(constant_min, constant_max));
    v.field("law.slew_per_minute", &mut law.slew_per_minute, Within(0.05, 1.0));
    v.field("law.billed_share", &mut law.billed_share, Within(Ppm::new(0), Ppm::ONE));

    let ledger = &mut config.ledger;
    v.field("ledger.dedup_window", &mut ledger.dedup_window, Within(Span::MINUTE, Span::DAY));
    v.field("ledger.dedup_events_max", &mut ledger.dedup_events_max, Within(1_000, 1_000_000_000));
    v.field("ledger.producers_max", &mut ledger.producers_max, Within(1, 1_000_000));
    v.field("ledger.producer_gap_bits", &mut ledger.producer_gap_bits, Within(64, 1_048_576));

    let log = &mut config.log;
    let (journal_min, journal_max) = (Bytes::new(64_000_000), Bytes::new(1_000_000_000_000));
    v.field("log.journal_max", &mut log.journal_max, Within(journal_min, journal_max));
    let interval = &mut log.checkpoint_interval;
    v.field("log.checkpoint_interval", interval, Within(Span::from_secs(1), Span::HOUR));
}

/// The keys of what the world touches.
fn visit_outside<V: Visitor>(config: &mut Config, v: &mut V) {
    let ingest = &mut config.ingest;
    v.field("ingest.batch_events_max", &mut ingest.batch_events_max, Within(1, 1_000_000));
    let (batch_min, batch_max) = (Bytes::new(64_000), Bytes::new(64_000_000));
    v.field("ingest.batch_bytes_max", &mut ingest.batch_bytes_max, Within(batch_min, batch_max));

    let server = &mut config.server;
    v.plain("server.grpc_listen", &mut server.grpc_listen);
    v.plain("server.http_listen", &mut server.http_listen);
    v.plain("server.advertised_address", &mut server.advertised_address);
    v.plain("server.insecure", &mut server.insecure);
    v.plain("server.tls_certificate_file", &mut server.tls_certificate_file);
    v.plain("server.tls_key_file", &mut server.tls_key_file);
    v.plain("server.tls_client_authority_file", &mut server.tls_client_authority_file);
    v.plain("server.tls_client_required", &mut server.tls_client_required);
    v.plain("server.tokens_file", &mut server.tokens_file);

    let console = &mut config.console;
    let (least, month) = (Span::from_secs(5), Span::DAY.times(30));
    v.field("console.session_idle_max", &mut console.session_idle_max, Within(least, Span::DAY));
    v.field("console.session_age_max", &mut console.session_age_max, Within(least, month));

    let limits = &mut config.limits;
    v.field("limits.calls_per_second", &mut limits.calls_per_second, Within(1, 1_000_000));
    v.field("limits.calls_burst", &mut limits.calls_burst, Within(1, 1_000_000));
    v.field("limits.pages_per_second", &mut limits.pages_per_second, Within(1, 1_000_000));
    v.field("limits.pages_burst", &mut limits.pages_burst, Within(1, 1_000_000));
    visit_rest(config, v);
}

/// The keys of counters, shading, stopping, telling and the clock.
fn visit_rest<V: Visitor>(config: &mut Config, v: &mut V) {
    let counters = &mut config.counters;
    let (poll_min, poll_max) = (Span::from_millis(100), Span::from_secs(60));
    v.plain("counters.enabled", &mut counters.enabled);
    v.field("counters.poll_interval", &mut counters.poll_interval, Within(poll_min, poll_max));

    let shading = &mut config.shading;
    v.plain("shading.currency", &mut shading.currency);
    v.plain("shading.tie_wins", &mut shading.tie_wins);
    v.field("shading.silence", &mut shading.silence, Within(Span::MINUTE, Span::DAY));

    let stop = &mut config.shutdown;
    let deadline = || Within(Span::from_millis(100), Span::from_secs(600));
    let wait = Within(Span::ZERO, Span::from_secs(60));
    v.field("shutdown.not_ready_wait", &mut stop.not_ready_wait, wait);
    v.field("shutdown.stop_intake_deadline", &mut stop.stop_intake_deadline, deadline());
    v.field("shutdown.drain_inbox_deadline", &mut stop.drain_inbox_deadline, deadline());
    v.field("shutdown.last_tick_deadline", &mut stop.last_tick_deadline, deadline());
    v.field("shutdown.checkpoint_deadline", &mut stop.checkpoint_deadline, deadline());
    v.field("shutdown.resign_lead_deadline", &mut stop.resign_lead_deadline, deadline());
    v.field("shutdown.close_streams_deadline", &mut stop.close_streams_deadline, deadline());

    let notices = &mut config.notices;
    v.plain("notices.webhook_url", &mut notices.webhook_url);
    v.plain("notices.webhook_secret_file", &mut notices.webhook_secret_file);
    v.plain("notices.webhook_authority_file", &mut notices.webhook_authority_file);
    let attempt = Within(Span::from_millis(100), Span::from_secs(60));
    v.field("notices.webhook_timeout", &mut notices.webhook_timeout, attempt);

    let telemetry = &mut config.telemetry;
    v.plain("telemetry.log_level", &mut telemetry.log_level);
    v.plain("telemetry.log_format", &mut telemetry.log_format);
    v.plain("telemetry.traces_endpoint", &mut telemetry.traces_endpoint);
    let share = Within(Ppm::new(0), Ppm::new(1_000_000));
    v.field("telemetry.traces_share", &mut telemetry.traces_share, share);
    v.plain("telemetry.traces_service_name", &mut telemetry.traces_service_name);
    v.plain("telemetry.traces_attributes", &mut telemetry.traces_attributes);
    let queue = Within(16, 1_000_000);
    v.field("telemetry.traces_queue_max", &mut telemetry.traces_queue_max, queue);
    v.plain("clock.kind", &mut config.clock.kind);
}

/// Lays what was written over the defaults and judges the whole.
///
/// # Errors
/// Every complaint, `complaints` among them.
pub fn check(raw: RawConfig, complaints: Vec<Complaint>) -> Result<Effective, ConfigError> {
    let mut config = Config::default();
    let mut reader =
        Reader { raw: raw.values, origins: BTreeMap::new(), known: Vec::new(), complaints };
    visit(&mut config, &mut reader);
    if reader.origins.get("partitions") == Some(&Origin::Default) {
        config.partitions = default_partitions(config.store.kind);
    }
    let is_default = |key| reader.origins.get(key) == Some(&Origin::Default);
    if is_default("counters.poll_interval") {
        let poll = &mut config.counters.poll_interval;
        *poll = (*poll).min(config.control_loop.tick);
    }
    if is_default("loop.lead") {
        let lead = &mut config.control_loop.lead;
        *lead = (*lead).min(config.lease.valid);
    }
    reader.refuse_unknown();
    Bindings { config: &config, reader: &mut reader }.check_all();
    if reader.complaints.is_empty() {
        return Ok(Effective { config, origins: reader.origins });
    }
    reader.complaints.sort();
    Err(ConfigError { complaints: reader.complaints })
}

/// Walks the keys and takes what was written for each.
struct Reader {
    raw: BTreeMap<String, RawValue>,
    origins: BTreeMap<&'static str, Origin>,
    known: Vec<&'static str>,
    complaints: Vec<Complaint>,
}

/// As it would stand in the file; secrets masked.
fn shown(key: &str, raw: &RawValue) -> String {
    let secret = ["password_file", "key_file", "secret_file"].iter().any(|end| key.ends_with(end));
    if secret || key.ends_with("tokens_file") || (key.ends_with("_url") && raw.text.contains('@')) {
        return "\"***\"".to_owned();
    }
    match raw.form {
        Form::Text | Form::Loose => format!("{:?}", raw.text),
        _ => raw.text.clone(),
    }
}

impl Reader {
    fn complain(&mut self, key: &str, raw: &RawValue, rule: String) {
        let (origin, value) = (raw.origin.clone(), shown(key, raw));
        self.complaints.push(Complaint { origin, key: key.to_owned(), value, rule });
    }

    /// What was written for a key. `range` is told of a number that is whole and still too large or
    /// too small to be read.
    fn take<T: Value>(&mut self, key: &'static str, range: Option<&str>) -> Option<(T, RawValue)> {
        self.known.push(key);
        let Some(raw) = self.raw.remove(key) else {
            self.origins.insert(key, Origin::Default);
            return None;
        };
        self.origins.insert(key, raw.origin.clone());
        let is_spelt_right = raw.form == T::FORM
            || raw.form == Form::Loose
            || (raw.form, T::FORM) == (Form::Integer, Form::Float);
        if T::is_mask(&raw.text) {
            let rule = "is masked, as it is printed: write what stands behind ***";
            self.complain(key, &raw, rule.to_owned());
            return None;
        }
        if let Some(value) = T::parse(&raw.text).filter(|_| is_spelt_right) {
            return Some((value, raw));
        }
        let is_whole = T::FORM == Form::Integer
            && is_spelt_right
            && raw.text.replace('_', "").parse::<i128>().is_ok();
        let rule = range.filter(|_| is_whole).map(ToOwned::to_owned);
        self.complain(key, &raw, rule.unwrap_or_else(|| format!("must be {}", T::WHAT)));
        None
    }

    fn refuse_unknown(&mut self) {
        let sections: BTreeSet<_> =
            self.known.iter().filter_map(|key| key.split_once('.')).map(|(name, _)| name).collect();
        for (key, raw) in std::mem::take(&mut self.raw) {
            if raw.form != Form::Section {
                let hint = hint(&self.known, &key);
                self.complain(&key, &raw, format!("is not a key{hint}"));
            } else if !sections.contains(key.as_str()) {
                let hint = hint(&sections, &key);
                self.complain(&key, &raw, format!("is not a section{hint}"));
            }
        }
    }
}

impl Visitor for Reader {
    fn field<T: Value + PartialOrd>(
        &mut self,
        key: &'static str,
        place: &mut T,
        within: Within<T>,
    ) {
        let Within(least, most) = within;
        let rule = format!("must be between {} and {}", least.show(), most.show());
        let Some((value, raw)) = self.take::<T>(key, Some(&rule)) else { return };
        if value < least || value > most {
            return self.complain(key, &raw, rule);
        }
        *place = value;
    }

    fn plain<T: Value>(&mut self, key: &'static str, place: &mut T) {
        if let Some((value, _)) = self.take::<T>(key, None) {
            *place = value;
        }
    }
}

/// The word that was probably meant, if one is near.
fn hint<'a>(words: impl IntoIterator<Item = &'a &'a str>, word: &str) -> String {
    let near = words.into_iter().map(|known| (distance(known, word), known));
    let nearest = near.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= 3);
    nearest.map(|(_, known)| format!("; did you mean {known}?")).unwrap_or_default()
}

/// Least number of letters to add, drop or change between two words.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, load, print};
    use super::*;
    use std::path::{Path, PathBuf};

    fn path(relative: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
    }

    fn from_flags(flags: &[(&str, &str)]) -> Result<Effective, ConfigError> {
        let flag = |(key, value): &(&str, &str)| ("--set", (*key).to_owned(), (*value).to_owned());
        load(&Sources { flags: flags.iter().map(flag).collect(), ..Sources::default() })
    }

    fn complaints(sources: &Sources) -> Vec<Complaint> {
        load(sources).expect_err("the sources are faulty").complaints
    }

    #[test]
    fn the_reference_file_is_the_defaults_and_names_every_key() {
        let file = Some(path("config/paceline.toml"));
        let effective = load(&Sources { file, ..Sources::default() }).unwrap();
        assert_eq!(effective.config, Config::default());
        for (key, origin) in effective.origins {
            assert_ne!(origin, Origin::Default, "{key} is missing from config/paceline.toml");
        }
    }

    #[test]
    fn each_bad_file_gets_its_complaint() {
        // The first line of each file is the complaint it must get, and the only one.
        let mut files: Vec<_> = std::fs::read_dir(path("tests/data/config"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 20, "one file per rule");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let expected = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap();
            let told = complaints(&Sources { file: Some(file.clone()), ..Sources::default() });
            let shown = told[0].to_string();
            let place = format!("{}:", file.display());
            let said = shown.strip_prefix(&place).and_then(|rest| rest.split_once(": "));
            let (line, said) = said.unwrap_or_else(|| panic!("{shown} does not name its place"));
            assert!(line.parse::<usize>().is_ok_and(|line| line > 1), "{shown}");
            assert!(said.starts_with(expected), "{}: {said}", file.display());
            assert_eq!(told.len(), 1, "{}: {told:?}", file.display());
        }
    }

    #[test]
    fn every_complaint_is_told_at_once() {
        let told = from_flags(&[("loop.tick", "5"), ("partitions", "0"), ("a.b", "c")]);
        let keys: Vec<_> = told.unwrap_err().complaints.into_iter().map(|c| c.key).collect();
        assert_eq!(keys, ["a.b", "loop.tick", "partitions"]);
    }

    #[test]
    fn later_sources_win_and_are_named() {
        let environment = vec![
            ("PACELINE_LOOP__TICK".to_owned(), "5s".to_owned()),
            ("PACELINE_PARTITIONS".to_owned(), "4".to_owned()),
            ("PACELINE_SERVICE_HOST".to_owned(), "set by an orchestrator".to_owned()),
        ];
        let flags = vec![("--set", "loop.tick".to_owned(), "2s".to_owned())];
        let file = Some(path("config/paceline.toml"));
        let effective = load(&Sources { file, environment, flags }).unwrap();
        assert_eq!(effective.config.control_loop.tick, Span::from_secs(2));
        assert_eq!(effective.config.partitions, 4);
        assert_eq!(effective.origins["loop.tick"].to_string(), "flag --set");
        let origin = effective.origins["partitions"].to_string();
        assert_eq!(origin, "environment PACELINE_PARTITIONS");
        assert!(effective.origins["lease.valid"].to_string().contains("paceline.toml:"));
    }

    #[test]
    fn a_misspelt_variable_is_refused() {
        let environment = vec![("PACELINE_LOOP__TIKC".to_owned(), "5s".to_owned())];
        let told = complaints(&Sources { environment, ..Sources::default() });
        assert_eq!(
            told[0].to_string(),
            "environment PACELINE_LOOP__TIKC: loop.tikc = \"5s\": is not a key; did you mean \
             loop.tick?"
        );
    }

    #[test]
    fn redis_has_more_partitions_unless_told_otherwise() {
        let partitions = |flags: &[_]| from_flags(flags).unwrap().config.partitions;
        assert_eq!(partitions(&[("store.kind", "redis")]), 16);
        assert_eq!(partitions(&[("store.kind", "redis"), ("partitions", "1")]), 1);
    }

    #[test]
    fn insecure_opens_what_loopback_closes() {
        let open = ("server.grpc_listen", "0.0.0.0:7410");
        assert!(from_flags(&[open]).is_err());
        assert!(from_flags(&[open, ("server.insecure", "true")]).is_ok());
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let flags = [
            ("loop.tick", "2500ms"),
            ("law.elasticity", "0.75"),
            ("clock.kind", "scaled:60"),
            ("catalog.file", "a \"quoted\" name.toml"),
            ("ingest.batch_bytes_max", "12 MB"),
        ];
        let effective = from_flags(&flags).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("printed.toml");
        std::fs::write(&file, effective.to_text()).unwrap();
        let again = load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
        assert_eq!(again.config, effective.config);
    }

    #[test]
    fn what_is_masked_says_so_and_is_refused_until_it_is_filled_in() {
        let flags = [
            ("notices.webhook_url", "https://hooks.example/T0/hunter2"),
            ("notices.webhook_secret_file", "/etc/paceline/hunter2"),
        ];
        let effective = from_flags(&flags).unwrap();
        let printed = effective.to_text();
        assert!(!printed.contains("hunter2"), "{printed}");
        for (key, shown) in
            [("webhook_url", "https://hooks.example/***"), ("webhook_secret_file", "***")]
        {
            let line = printed.lines().find(|line| line.contains(key)).unwrap();
            assert!(line.contains(&format!("notices.{key} = \"{shown}\"")), "{line}");
            assert!(line.ends_with("# flag --set; masked, to be filled in"), "{line}");
        }
        let json: serde_json::Value = serde_json::from_str(&effective.to_json()).unwrap();
        assert_eq!(json["notices.webhook_url"]["masked"], true);
        assert!(json["loop.tick"]["masked"].is_null());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("printed.toml");
        let load_text = |text: &str| {
            std::fs::write(&file, text).unwrap();
            load(&Sources { file: Some(file.clone()), ..Sources::default() })
        };
        let told = load_text(&printed).unwrap_err().complaints;
        assert_eq!(told.len(), 2, "{told:?}");
        for told in told {
            let told = told.to_string();
            assert!(
                told.ends_with("is masked, as it is printed: write what stands behind ***"),
                "{told}"
            );
        }
        let filled = printed
            .replace("hooks.example/***", "hooks.example/T0/hunter2")
            .replace("\"***\"", "\"/etc/paceline/hunter2\"");
        assert_eq!(load_text(&filled).unwrap().config, effective.config);
    }

    #[test]
    fn json_holds_every_key_with_value_and_origin() {
        let effective = from_flags(&[("partitions", "3")]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&effective.to_json()).unwrap();
        let expected = serde_json::json!({ "value": 3, "origin": "flag --set" });
        assert_eq!(json["partitions"], expected);
        assert_eq!(json.as_object().unwrap().len(), print::keys().len());
    }

    #[test]
    fn a_missing_file_is_told_by_name() {
        let file = Some(PathBuf::from("no-such.toml"));
        let told = complaints(&Sources { file, ..Sources::default() });
        assert!(told[0].to_string().starts_with("no-such.toml:1: cannot be read: "), "{told:?}");
    }
}
