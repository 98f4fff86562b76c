//! The service as a drive sees it: its time, catalogue, portfolio and books, by RPC.
//!
//! Turns answers into errors that say what to do; retries only what a service that is just
//! starting would answer. Called by the drive.

use super::Order;
use super::clock::FollowedClock;
use anyhow::{Context, anyhow, bail};
use paceline::ctl::line::{self, Token};
use paceline_client::Builder;
use paceline_core::units::{Name, Timestamp};
use paceline_proto::v1;
use paceline_proto::v1::admin_service_client::AdminServiceClient;
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// The longest wait for a connection, and for one answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long a service that is just starting may take until it leads, and between two tries.
const READY_MAX: Duration = Duration::from_secs(30);
const READY_PAUSE: Duration = Duration::from_millis(200);
/// Items of a list or of a change in one call; the contract allows as many.
const PAGE: usize = 1_000;
/// Complaints told; the rest are counted.
const COMPLAINTS_TOLD: usize = 5;
/// The largest message taken: a page of lines is far smaller.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Calls to `AdminService`. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    admin: AdminServiceClient<InterceptedService<Channel, Token>>,
    endpoint: Endpoint,
    token: Token,
}

/// What the service made of a call, as one sentence.
fn refused(what: &str, status: &Status) -> anyhow::Error {
    anyhow!("{what}: the service answered {:?}: {}", status.code(), status.message())
}

fn fail_on(complaints: &[v1::Complaint]) -> anyhow::Result<()> {
    if complaints.is_empty() {
        return Ok(());
    }
    let told = complaints.iter().take(COMPLAINTS_TOLD);
    let told: Vec<String> = told
        .map(|one| {
            let value = if one.value.is_empty() { "absent" } else { one.value.as_str() };
            format!("{} is {value} and {}", one.path, one.rule)
        })
        .collect();
    let left = complaints.len() - told.len();
    let more = if left > 0 { format!("; and {left} more") } else { String::new() };
    bail!("the service refused the catalogue: {}{more}", told.join("; "))
}

impl Link {
    /// Connects.
    pub(crate) async fn open(order: &Order) -> anyhow::Result<Self> {
        let url = &order.endpoint;
        let endpoint = line::way(url, order.ca_file.as_deref())?.connect_timeout(CONNECT_MAX);
        let token = Token::read(order.token_file.as_deref())?;
        let channel = endpoint
            .connect()
            .await
            .with_context(|| format!("no service answers at {url}: is `paceline run` up?"))?;
        let admin = AdminServiceClient::with_interceptor(channel, token.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self { admin, endpoint, token })
    }

    /// A client with a connection of its own, made when it is needed.
    pub(crate) fn builder(&self) -> Builder {
        let builder = Builder::new(self.endpoint.connect_lazy());
        match self.token.header() {
            Some(header) => builder.with_authorization(header.clone()),
            None => builder,
        }
    }

    async fn within<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Status> {
        match tokio::time::timeout(ANSWER_MAX, call).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded(format!("no answer to {what} in time"))),
        }
    }

    /// How the service fares, its clock told to `clock`.
    pub(crate) async fn status(
        &self,
        clock: &FollowedClock,
    ) -> Result<v1::GetStatusResponse, Status> {
        let asked = clock.real();
        let mut admin = self.admin.clone();
        let told = self.within("GetStatus", admin.get_status(v1::GetStatusRequest {})).await?;
        if let Some(at) = &told.server_time {
            let micros = at.seconds.saturating_mul(1_000_000) + i64::from(at.nanos / 1_000);
            clock.heard(asked, Timestamp::from_micros(micros), told.clock_factor);
        }
        Ok(told)
    }

    /// Enters shapes, the advertiser and its campaigns, waiting for a service that is just
    /// starting.
    pub(crate) async fn enter(
        &self,
        shapes: Vec<v1::PutShapeRequest>,
        advertiser: v1::Advertiser,
        campaigns: &[v1::Campaign],
    ) -> anyhow::Result<()> {
        self.apply(vec![advertiser], Vec::new()).await?;
        for shape in shapes {
            let mut admin = self.admin.clone();
            let told = self.within("PutShape", admin.put_shape(shape)).await;
            let told = told.map_err(|status| refused("entering a shape", &status))?;
            fail_on(&told.complaints)?;
        }
        for page in campaigns.chunks(PAGE) {
            self.apply(Vec::new(), page.to_vec()).await?;
        }
        Ok(())
    }

    /// Makes or edits all or none of these.
    pub(crate) async fn apply(
        &self,
        advertisers: Vec<v1::Advertiser>,
        campaigns: Vec<v1::Campaign>,
    ) -> anyhow::Result<()> {
        let request = v1::ApplyCatalogueRequest {
            advertisers,
            campaigns,
            ..v1::ApplyCatalogueRequest::default()
        };
        let tries = READY_MAX.as_millis() / READY_PAUSE.as_millis();
        for left in (0..tries).rev() {
            let mut admin = self.admin.clone();
            let call = admin.apply_catalogue(request.clone());
            match self.within("ApplyCatalogue", call).await {
                Ok(told) => return fail_on(&told.complaints),
                Err(status) if left > 0 && is_starting(&status) => {
                    tokio::time::sleep(READY_PAUSE).await;
                }
                Err(status) => return Err(refused("entering the catalogue", &status)),
            }
        }
        bail!("entering the catalogue: the service does not lead its partitions")
    }

    /// Where every campaign of an advertiser stands.
    pub(crate) async fn portfolio(
        &self,
        advertiser: &str,
    ) -> Result<Vec<v1::CampaignSummary>, Status> {
        let mut lines = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListCampaignsRequest {
                page_size: u32::try_from(PAGE).unwrap_or(0),
                page_token,
                advertiser_id: Some(advertiser.to_owned()),
                ..v1::ListCampaignsRequest::default()
            };
            let mut admin = self.admin.clone();
            let told = self.within("ListCampaigns", admin.list_campaigns(request)).await?;
            lines.extend(told.campaigns);
            page_token = told.next_page_token;
            if page_token.is_empty() {
                return Ok(lines);
            }
        }
    }

    /// How often the service gave each verdict so far, to whomever.
    pub(crate) async fn verdicts(&self) -> Result<Vec<v1::VerdictCount>, Status> {
        let request = v1::GetTotalsRequest { page_size: 1, ..v1::GetTotalsRequest::default() };
        let mut admin = self.admin.clone();
        Ok(self.within("GetTotals", admin.get_totals(request)).await?.verdict_counts)
    }

    /// The books of these campaigns; those unknown are left out.
    pub(crate) async fn totals(&self, names: &[Name]) -> Result<Vec<v1::CampaignTotals>, Status> {
        let mut totals = Vec::with_capacity(names.len());
        for page in names.chunks(PAGE) {
            let request = v1::GetTotalsRequest {
                campaign_ids: page.iter().map(ToString::to_string).collect(),
                ..v1::GetTotalsRequest::default()
            };
            let mut admin = self.admin.clone();
            totals.extend(self.within("GetTotals", admin.get_totals(request)).await?.totals);
        }
        Ok(totals)
    }
}

/// Whether a service that is just starting would answer so.
fn is_starting(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::FailedPrecondition | Code::DeadlineExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_name_path_value_and_rule_and_the_rest_are_counted() {
        let one = v1::Complaint {
            path: "campaigns[3].budgets".to_owned(),
            value: String::new(),
            rule: "must be given".to_owned(),
        };
        assert!(fail_on(&[]).is_ok());
        let told = fail_on(&vec![one; 7]).unwrap_err().to_string();
        assert!(told.contains("campaigns[3].budgets is absent and must be given"), "{told}");
        assert!(told.ends_with("; and 2 more"), "{told}");
    }

    #[tokio::test]
    async fn where_nobody_listens_that_is_said() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let order = Order {
            endpoint: format!("http://{address}"),
            ca_file: None,
            token_file: None,
            name: None,
            campaigns: 1,
            bidders: 1,
            hours: 1,
            seed: 1,
        };
        let error = Link::open(&order).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("no service answers at http://{address}")), "{error}");
    }
}
