//! The files a configuration names, looked into without starting anything.
//!
//! Each is read by the room that reads it at start, so that what is sound here is sound there; only
//! those in use are. Called by `main` for `check-config`: a start tells the first fault it meets,
//! and waits for a catalogue that is not there yet.

use super::parts::{authority, password};
use crate::auth::{AuthError, Keyring};
use crate::clock::Clock;
use crate::config::value::Value;
use crate::config::{Complaint, Config, ConfigError, Effective, Origin, StoreKind};
use crate::notice::webhook::{Webhook, WebhookError};
use crate::tls::Tls;
use paceline_catalogue::CatalogueError;

/// Looks into every file that this configuration would have read.
///
/// # Errors
/// [`ConfigError`] with a complaint for each that cannot be used; values that are secret are
/// masked.
pub fn check_files(effective: &Effective) -> Result<(), ConfigError> {
    let mut complaints: Vec<Complaint> = faults(&effective.config)
        .into_iter()
        .map(|Fault { key, value, rule }| {
            let origin = effective.origins.get(key).cloned().unwrap_or(Origin::Default);
            Complaint { origin, key: key.to_owned(), value: format!("{value:?}"), rule }
        })
        .collect();
    if complaints.is_empty() {
        return Ok(());
    }
    complaints.sort();
    Err(ConfigError { complaints })
}

/// A setting whose file cannot be used.
struct Fault {
    key: &'static str,
    value: String,
    rule: String,
}

fn faults(config: &Config) -> Vec<Fault> {
    let (store, server) = (&config.store, &config.server);
    let mut faults = Vec::new();
    let mut add = |key, value: String, rule| faults.push(Fault { key, value, rule });
    if store.kind == StoreKind::Redis {
        if let Err(error) = password(store) {
            add("store.redis_password_file", store.redis_password_file.show(), unusable(&error));
        }
        if let Err(error) = authority(store) {
            add("store.redis_authority_file", store.redis_authority_file.show(), unusable(&error));
        }
    } else if store.path.exists() && !store.path.is_dir() {
        add("store.path", store.path.show(), "must be a folder".to_owned());
    }
    if let Some(path) = &config.catalog.file
        && let Err(error) = paceline_catalogue::read(path)
    {
        let why = match error {
            CatalogueError::Unreadable { why, .. } => format!("cannot be read: {why}"),
            faulty => faulty.to_string(),
        };
        add("catalog.file", path.show(), format!("must be a sound catalogue: {why}"));
    }
    if let Err(error) = Tls::read(server) {
        let value = match error.key() {
            "server.tls_key_file" => server.tls_key_file.show(),
            "server.tls_client_authority_file" => server.tls_client_authority_file.show(),
            _ => server.tls_certificate_file.show(),
        };
        add(error.key(), value, unusable(&error));
    }
    let notices = &config.notices;
    if let Err(error) = Webhook::open(notices, Clock::of(config.clock.kind)) {
        let (key, value) = match &error {
            WebhookError::File { key: key @ "notices.webhook_secret_file", .. } => {
                (*key, notices.webhook_secret_file.show())
            }
            WebhookError::File { key, path, .. } => (*key, path.display().to_string()),
            WebhookError::NoAuthority => ("notices.webhook_authority_file", String::new()),
            _ => ("notices.webhook_url", notices.webhook_url.show()),
        };
        let rule = match &error {
            WebhookError::File { why, .. } => why.clone(),
            _ => crate::error_chain(&error),
        };
        add(key, value, rule);
    }
    if let Some(path) = server.tokens_file.file()
        && let Err(error) = Keyring::read(path)
    {
        let why = match &error {
            AuthError::Unreadable { source, .. } => unusable(source),
            _ => unusable(&error),
        };
        add("server.tokens_file", server.tokens_file.show(), why);
    }
    faults
}

fn unusable(error: &dyn std::error::Error) -> String {
    format!("must name a file that can be used: {}", crate::error_chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use std::path::Path;

    /// What is told of a configuration with these settings.
    fn told(settings: &[(&str, &Path)]) -> Vec<String> {
        let flag =
            |(key, path): &(&str, &Path)| ("--set", (*key).to_owned(), path.display().to_string());
        let flags = settings.iter().map(flag).collect();
        let effective = load(&Sources { flags, ..Sources::default() }).unwrap();
        match check_files(&effective) {
            Ok(()) => Vec::new(),
            Err(error) => error.complaints.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn every_file_that_is_not_there_is_told_by_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let redis = Path::new("redis");
        let encrypted = Path::new("rediss://localhost");
        let told = told(&[
            ("store.kind", redis),
            ("store.redis_url", encrypted),
            ("store.redis_password_file", &missing),
            ("store.redis_authority_file", &missing),
            ("catalog.file", &missing),
            ("server.tls_certificate_file", &missing),
            ("server.tls_key_file", &missing),
            ("server.tokens_file", &missing),
        ]);
        let keys = [
            "catalog.file",
            "server.tls_certificate_file",
            "server.tokens_file",
            "store.redis_authority_file",
            "store.redis_password_file",
        ];
        assert_eq!(told.len(), keys.len(), "{told:#?}");
        for (told, key) in told.iter().zip(keys) {
            assert!(told.starts_with(&format!("flag --set: {key} = \"")), "{told}");
            assert!(told.contains("No such file"), "{told}");
        }
    }

    #[test]
    fn what_is_not_in_use_is_not_looked_into() {
        let missing = Path::new("no-such-file");
        assert_eq!(told(&[("store.redis_password_file", missing)]), Vec::<String>::new());
        assert_eq!(told(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_faulty_file_is_told_with_its_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "nonsense\n").unwrap();
        let told = told(&[("catalog.file", &file), ("server.tokens_file", &file)]);
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told[0].contains("must be a sound catalogue: "), "{told:#?}");
        assert!(told[1].contains("server.tokens_file = \"***\""), "{told:#?}");
    }

    #[test]
    fn a_webhook_is_on_this_machine_by_any_of_its_names_or_somebody_vouches_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (secret, nobody) = (file("secret", "of sixteen bytes"), file("nobody", "nobody\n"));
        let secret = ("notices.webhook_secret_file", secret.as_path());
        for url in
            ["http://localhost:9/hook", "http://[::1]/hook", "http://[::1]:9", "http://127.9.9.9"]
        {
            assert_eq!(told(&[("notices.webhook_url", Path::new(url)), secret]), [""; 0], "{url}");
        }
        let told = told(&[
            ("notices.webhook_url", Path::new("https://hooks.example/hunter2")),
            ("notices.webhook_authority_file", &nobody),
            secret,
        ]);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains("notices.webhook_authority_file = "), "{told:#?}");
        assert!(told[0].ends_with("holds none") && !told[0].contains("hunter2"), "{told:#?}");
    }
}
