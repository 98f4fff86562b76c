//! The catalogue file: looked at again and again, entered whole or not at all.
//!
//! A file with a fault, or one that the engines refuse, is told of once and the last good one stays
//! in force; readiness waits for the first good one. Goes through the same door as operators'
//! requests, so a file can do nothing that an RPC cannot. Run by `app` when `catalog.file` is set.

mod gone;

use crate::admin::Admin;
use crate::auth::{Caller, Role};
use crate::health::{Condition, Health};
use crate::telemetry::event;
use crate::wire::catalogue::{complaint_text, file_message};
use gone::Gone;
use paceline_catalogue::CatalogueError;
use paceline_proto::v1;
use paceline_proto::v1::admin_service_server::AdminService as _;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tonic::{Code, Request, Status};

/// The pause before another try when the engines could not answer. Real time.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Why a file is not in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// When it cannot be read or breaks rules by itself.
    #[error("{}", path.display())]
    File {
        /// As configured.
        path: PathBuf,
        /// Every fault, with its line.
        source: CatalogueError,
    },
    /// When it breaks rules with what is in force already, such as a currency that may not change.
    #[error("{}: {}", path.display(), complaints.join("; "))]
    Refused {
        /// As configured.
        path: PathBuf,
        /// Path, value and rule of each.
        complaints: Vec<String>,
    },
    /// When the engines cannot answer now, or lead elsewhere. Tried again.
    #[error("the engines do not answer")]
    NotNow(#[source] Status),
}

/// What the system says of a file: when it was written and how long it is, or why it cannot tell.
type Stamp = Result<(Option<SystemTime>, u64), ErrorKind>;

/// Looks at the file every `interval`, for ever.
pub async fn follow(admin: Admin, path: PathBuf, interval: Duration, health: Health) {
    let mut seen = None;
    let mut gone = Gone::default();
    loop {
        let pause = match look(&admin, &path, &mut seen).await {
            None => interval,
            Some(Ok(campaigns)) => {
                event::catalog_loaded(campaigns.len());
                gone.note(campaigns);
                health.report(Condition::CatalogLoaded, Ok(()));
                interval
            }
            Some(Err(error @ CatalogError::NotNow(_))) => {
                // At the next try the file is as good as new.
                seen = None;
                report(&health, &error);
                RETRY_PAUSE.min(interval)
            }
            Some(Err(error)) => {
                event::catalog_refused(&error);
                report(&health, &error);
                interval
            }
        };
        gone.tell(&admin).await;
        tokio::time::sleep(pause).await;
    }
}

/// Notes why there is no catalogue yet; once there was one, it stays in force and that is well.
fn report(health: &Health, error: &CatalogError) {
    let has_loaded =
        matches!(health.readiness().conditions.get(&Condition::CatalogLoaded), Some(Ok(())));
    if !has_loaded {
        health.report(Condition::CatalogLoaded, Err(crate::error_chain(error)));
    }
}

/// Enters the file if it is not as it was; which campaigns it names. The same is not entered, or
/// complained of, twice.
async fn look(
    admin: &Admin,
    path: &Path,
    seen: &mut Option<Stamp>,
) -> Option<Result<BTreeSet<String>, CatalogError>> {
    let stamp = std::fs::metadata(path)
        .map(|told| (told.modified().ok(), told.len()))
        .map_err(|error| error.kind());
    if *seen == Some(stamp) {
        return None;
    }
    *seen = Some(stamp);
    Some(enter(admin, path).await)
}

async fn enter(admin: &Admin, path: &Path) -> Result<BTreeSet<String>, CatalogError> {
    let read = paceline_catalogue::read(path);
    let catalogue = read.map_err(|source| CatalogError::File { path: path.to_owned(), source })?;
    let request = file_message(&catalogue);
    let reason = "the file named by catalog.file changed".to_owned();
    let request = v1::ApplyCatalogueRequest { reason, ..request };
    let names = request.campaigns.iter().map(|campaign| campaign.campaign_id.clone());
    let campaigns = names.collect();
    // The record of what it changes bears the setting's name.
    let mut request = Request::new(request);
    let name = std::sync::Arc::from("catalog.file");
    request.extensions_mut().insert(Caller { name, role: Role::Admin });
    let answer = admin.apply_catalogue(request).await.map_err(judged(path))?;
    let v1::ApplyCatalogueResponse { complaints, failures, .. } = answer.into_inner();
    if let Some(lost) = failures.first() {
        return Err(CatalogError::NotNow(Status::unavailable(lost.reason.clone())));
    }
    if complaints.is_empty() {
        return Ok(campaigns);
    }
    let complaints = vec![complaint_text(&complaints)];
    Err(CatalogError::Refused { path: path.to_owned(), complaints })
}

/// Refused for good, or only for now.
fn judged(path: &Path) -> impl Fn(Status) -> CatalogError {
    let path = path.to_owned();
    move |status| match status.code() {
        Code::InvalidArgument | Code::NotFound => {
            let complaints = vec![status.message().to_owned()];
            CatalogError::Refused { path: path.clone(), complaints }
        }
        _ => CatalogError::NotNow(status),
    }
}
