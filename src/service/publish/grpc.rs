//! `MultiplierService`: tables to bidders by stream and by poll, and allowances between ticks.
//!
//! One task a stream; a slow stream holds up nobody but itself, and gets a full table later.

mod poll;

use super::Publisher;
use crate::control_loop::{LoopError, LoopHandle};
use crate::partition::Partitions;
use crate::wire::multiplier::{self as wire, BidderId, Hello, PAGE_ENTRIES, PartitionId, Telling};
use crate::wire::status;
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_server::MultiplierService;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

/// Messages a stream may have waiting: a full table of a million entries is twenty pages.
const STREAM_MESSAGES_MAX: usize = 64;
/// How long a bidder that disconnected may take to come back before it counts as gone.
const RETURN_MAX: Duration = Duration::from_secs(30);

/// Tables and allowances by RPC.
#[derive(Debug, Clone)]
pub struct Multipliers {
    partitions: Partitions,
    tasks: TaskTracker,
    stop: CancellationToken,
    streams: Streams,
    /// Polls for schedules so far.
    polls: Arc<AtomicUsize>,
}

/// The latest stream of each bidder: one that ends may have a successor already. Holds as many as
/// there are streams.
#[derive(Debug, Clone, Default)]
struct Streams(Arc<Mutex<Latest>>);

#[derive(Debug, Default)]
struct Latest {
    begun: u64,
    of: BTreeMap<BidderId, (u64, CancellationToken)>,
}

impl Streams {
    fn guard(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream begins; its number, and what tells it that another has taken its place. The one
    /// before it is told so now: a bidder that comes back may be faster than the news that its old
    /// line broke, and two processes must not spend one bidder's allowance.
    fn begin(&self, bidder: BidderId) -> (u64, CancellationToken) {
        let mut latest = self.guard();
        latest.begun += 1;
        let (number, replaced) = (latest.begun, CancellationToken::new());
        if let Some((_, older)) = latest.of.insert(bidder, (number, replaced.clone())) {
            older.cancel();
        }
        (number, replaced)
    }

    /// A stream ended a while ago; whether its bidder is gone.
    fn end(&self, bidder: BidderId, number: u64) -> bool {
        let mut latest = self.guard();
        let is_latest = latest.of.get(&bidder).is_some_and(|(held, _)| *held == number);
        if is_latest {
            latest.of.remove(&bidder);
        }
        is_latest
    }
}

impl Multipliers {
    /// Streams run in `tasks` and end with `stop`.
    #[must_use]
    pub fn new(partitions: Partitions, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self { partitions, tasks, stop, streams: Streams::default(), polls: Arc::default() }
    }
}

/// What the reader of a stream is known to hold, and how to reach it.
struct Watcher {
    service: Multipliers,
    hello: Hello,
    sent: mpsc::Sender<Result<v1::WatchMultipliersResponse, Status>>,
    /// Partitions whose loop has not heard of the reader yet, since it did not lead.
    unheard: BTreeSet<PartitionId>,
    /// What the partitions had lost when the stream began.
    losses: u64,
}

type Updates = Pin<Box<dyn Stream<Item = Result<v1::WatchMultipliersResponse, Status>> + Send>>;

#[tonic::async_trait]
impl MultiplierService for Multipliers {
    type WatchMultipliersStream = Updates;

    async fn watch_multipliers(
        &self,
        request: Request<Streaming<v1::WatchMultipliersRequest>>,
    ) -> Result<Response<Updates>, Status> {
        let mut heard = request.into_inner();
        let first = heard.next().await.transpose()?.and_then(|request| request.message);
        let Some(v1::watch_multipliers_request::Message::Hello(hello)) = first else {
            return Err(Status::invalid_argument("the first message must be hello"));
        };
        let shades = wire::held_shades(hello.wants_shading, &hello.held_shading)?;
        let hello =
            wire::hello(hello.bidder_id.as_deref(), &hello.held_tables, &hello.held_allowances)?;
        let hello = Hello { shades, ..hello };
        hello.check(self.partitions.count())?;
        self.check_led()?;
        let (sent, updates) = mpsc::channel(STREAM_MESSAGES_MAX);
        let unheard = self.partitions.all().map(LoopHandle::partition).collect();
        let losses = self.losses();
        let watcher = Watcher { service: self.clone(), hello, sent, unheard, losses };
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watcher.run(heard) => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(updates))))
    }

    async fn get_multipliers(
        &self,
        request: Request<v1::GetMultipliersRequest>,
    ) -> Result<Response<v1::GetMultipliersResponse>, Status> {
        let request = request.into_inner();
        let shades = wire::held_shades(request.wants_shading, &request.held_shading)?;
        let hello = wire::hello(
            request.bidder_id.as_deref(),
            &request.held_tables,
            &request.held_allowances,
        )?;
        hello.check(self.partitions.count())?;
        self.check_led()?;
        if !request.page_token.is_empty() {
            let update = match request.page_token.strip_prefix(poll::SHADES) {
                Some(_) => self.shade_part(&request.page_token)?,
                None => self.page(&hello, &request.page_token)?,
            };
            return Ok(Response::new(v1::GetMultipliersResponse { updates: vec![update] }));
        }
        let mut updates = Vec::new();
        for handle in self.partitions.all() {
            let partition = handle.partition();
            if self.partitions.publisher(partition).led_by().is_some() {
                continue;
            }
            if let Some(bidder) = hello.bidder {
                let standing = self.partitions.publisher(partition).standing().0;
                let input = match hello.tables.get(&partition) {
                    Some(&held) if held <= standing => wire::acknowledged(bidder, held),
                    _ => wire::joined(bidder, &hello, partition),
                };
                tell_loop(handle, input).await;
            }
            let told = self.updates(handle, &hello);
            updates.extend(told.into_iter().take(1).map(|mut update| {
                if let Some(v1::partition_update::News::Page(page)) = &mut update.news {
                    page.next_page_token = next_token(partition.0, page);
                }
                update
            }));
        }
        self.add_shades(shades.as_ref(), &mut updates);
        Ok(Response::new(v1::GetMultipliersResponse { updates }))
    }

    async fn draw_allowance(
        &self,
        request: Request<v1::DrawAllowanceRequest>,
    ) -> Result<Response<v1::DrawAllowanceResponse>, Status> {
        let draw = wire::draw(request.get_ref())?;
        let server_time = Some(crate::wire::instant_message(self.partitions.clock().now()));
        let refused = |refusal: v1::DrawRefusal| {
            let refusal = refusal.into();
            Ok(Response::new(v1::DrawAllowanceResponse { allowance: None, refusal, server_time }))
        };
        let Some(handle) =
            self.partitions.of_campaign(draw.campaign).and_then(|at| self.partitions.get(at))
        else {
            return refused(v1::DrawRefusal::UnknownCampaign);
        };
        let granted = handle.draw(draw).await.map_err(|error| loop_status(&error))?;
        let Some(allowance) = granted else { return refused(v1::DrawRefusal::NoHeadroom) };
        self.partitions.publisher(handle.partition()).note_draw(draw.bidder, allowance);
        Ok(Response::new(v1::DrawAllowanceResponse {
            allowance: Some(wire::allowance_message(&allowance)),
            refusal: v1::DrawRefusal::Unspecified.into(),
            server_time,
        }))
    }
}

/// The answer when the loop cannot do as asked.
fn loop_status(error: &LoopError) -> Status {
    match error {
        LoopError::NotLeader { leader } => status::not_leader(leader.as_deref()),
        LoopError::Unavailable { .. } | LoopError::Stopped => {
            Status::unavailable(crate::error_chain(error))
        }
    }
}

/// Tells the loop about a bidder; whether it heard.
async fn tell_loop(handle: &LoopHandle, input: crate::wire::multiplier::Input) -> bool {
    match handle.submit(vec![input]).await {
        Ok(_) => true,
        Err(error) => {
            let error = crate::error_chain(&error);
            tracing::debug!(error, "the loop did not hear of a bidder");
            false
        }
    }
}

/// The token of the page after this one; empty after the last.
fn next_token(partition: u8, page: &v1::TablePage) -> String {
    let next = page.entries_before + u64::try_from(PAGE_ENTRIES).unwrap_or(u64::MAX);
    if next >= page.entries_total { String::new() } else { format!("{partition}.{next}") }
}

impl Multipliers {
    /// Refuses readers while other processes lead every partition: there is nothing for them here.
    fn check_led(&self) -> Result<(), Status> {
        let mut leader = None;
        for handle in self.partitions.all() {
            leader = self.partitions.publisher(handle.partition()).led_by();
            if leader.is_none() {
                return Ok(());
            }
        }
        Err(status::not_leader(leader.as_deref()))
    }

    fn losses(&self) -> u64 {
        let of = |handle: &LoopHandle| self.partitions.publisher(handle.partition()).losses();
        self.partitions.all().map(of).sum()
    }

    fn updates(&self, handle: &LoopHandle, hello: &Hello) -> Vec<v1::PartitionUpdate> {
        let partition = handle.partition();
        let publisher = self.partitions.publisher(partition);
        let (news, lease) = publisher.news(hello.tables.get(&partition).copied());
        let allowances = hello.bidder.map(|bidder| publisher.allowances(bidder));
        let telling = Telling {
            partition,
            now: self.partitions.clock().now(),
            lease,
            standing: publisher.standing().0,
            allowances: allowances.as_deref().unwrap_or_default(),
        };
        wire::updates(&telling, &news)
    }

    /// One page of a table that was begun by poll.
    fn page(&self, hello: &Hello, token: &str) -> Result<v1::PartitionUpdate, Status> {
        let refuse =
            || crate::wire::Refusal::new("page_token", token, "must be one that was given out");
        let (partition, from) = token.split_once('.').ok_or_else(refuse)?;
        let partition: u32 = partition.parse().map_err(|_| refuse())?;
        let from: usize = from.parse().map_err(|_| refuse())?;
        let partition = crate::wire::partition("page_token", partition)?;
        let handle = self.partitions.get(partition).ok_or_else(refuse)?;
        let whole = Hello { bidder: hello.bidder, ..Hello::default() };
        let mut updates = self.updates(handle, &whole);
        let place = from / PAGE_ENTRIES;
        let place = if place < updates.len() { place } else { 0 };
        let mut update = updates.swap_remove(place);
        if let Some(v1::partition_update::News::Page(page)) = &mut update.news {
            page.next_page_token = next_token(partition.0, page);
        }
        Ok(update)
    }
}

impl Watcher {
    async fn run(mut self, heard: Streaming<v1::WatchMultipliersRequest>) {
        let handles: Vec<LoopHandle> = self.service.partitions.all().cloned().collect();
        let begun = self.hello.bidder.map(|bidder| self.service.streams.begin(bidder));
        let (number, replaced) = match begun {
            Some((number, replaced)) => (Some(number), replaced),
            None => (None, CancellationToken::new()),
        };
        tokio::select! {
            () = replaced.cancelled() => {
                let why = "another stream began with this bidder_id";
                // Whoever does not listen any more need not hear it.
                let _ = self.sent.try_send(Err(Status::aborted(why)));
            }
            () = self.follow(&handles, heard) => {}
        }
        self.part(&handles, number).await;
    }

    /// Tells and hears until one side ends.
    async fn follow(
        &mut self,
        handles: &[LoopHandle],
        mut heard: Streaming<v1::WatchMultipliersRequest>,
    ) {
        for handle in handles {
            self.introduce(handle).await;
        }
        let (wake, mut woken) = mpsc::channel::<usize>(handles.len().max(1));
        for (place, handle) in handles.iter().enumerate() {
            let publisher = self.service.partitions.publisher(handle.partition()).clone();
            self.service.tasks.spawn(relay(publisher, place, wake.clone()));
        }
        let mut acknowledged = BTreeMap::new();
        loop {
            tokio::select! {
                message = heard.next() => match message {
                    Some(Ok(request)) => {
                        if !self.hear(request, &mut acknowledged).await {
                            break;
                        }
                    }
                    Some(Err(_)) | None => break,
                },
                place = woken.recv() => {
                    let Some(handle) = place.and_then(|place| handles.get(place)) else { break };
                    if !self.tell(handle).await {
                        break;
                    }
                    self.acknowledge(handle, &mut acknowledged).await;
                }
            }
        }
    }

    /// Tells a loop of the reader, until it has heard.
    async fn introduce(&mut self, handle: &LoopHandle) {
        let partition = handle.partition();
        if let Some(bidder) = self.hello.bidder
            && self.unheard.contains(&partition)
            && tell_loop(handle, wire::joined(bidder, &self.hello, partition)).await
        {
            self.unheard.remove(&partition);
        }
    }

    /// Why the stream cannot go on: others lead, or what the reader holds was forgotten. Only the
    /// reader knows that; it says so when it begins anew.
    fn check_standing(&self) -> Result<(), Status> {
        self.service.check_led()?;
        if self.service.losses() != self.losses {
            let why = "the log has lost what bidders hold: begin anew and say it again";
            return Err(Status::aborted(why));
        }
        Ok(())
    }

    /// Sends what is new; whether the stream goes on.
    async fn tell(&mut self, handle: &LoopHandle) -> bool {
        if let Err(status) = self.check_standing() {
            // The stream ends either way.
            let _ = self.sent.send(Err(status)).await;
            return false;
        }
        if self.service.partitions.publisher(handle.partition()).led_by().is_some() {
            return true;
        }
        self.introduce(handle).await;
        let updates = self.service.updates(handle, &self.hello);
        for update in updates {
            if let Some(generation) = newest(&update) {
                self.hello.tables.insert(handle.partition(), generation);
            }
            let response = v1::WatchMultipliersResponse { update: Some(update) };
            if self.sent.send(Ok(response)).await.is_err() {
                return false;
            }
        }
        self.tell_shades(handle).await
    }

    /// Sends what is new of the schedules to whoever wants them; whether the stream goes on.
    async fn tell_shades(&mut self, handle: &LoopHandle) -> bool {
        let partition = handle.partition();
        let Some(held) = &mut self.hello.shades else { return true };
        let publisher = self.service.partitions.publisher(partition);
        for shades in publisher.shades(held.get(&partition).copied()) {
            held.insert(partition, shades.generation);
            let (standing, lease) = publisher.standing();
            let now = self.service.partitions.clock().now();
            let telling = Telling { partition, now, lease, standing, allowances: &[] };
            let update = Some(wire::shading_update(&telling, &shades));
            let response = v1::WatchMultipliersResponse { update };
            if self.sent.send(Ok(response)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Takes in one message; whether the stream goes on.
    async fn hear(
        &mut self,
        request: v1::WatchMultipliersRequest,
        acknowledged: &mut BTreeMap<u8, Acknowledged>,
    ) -> bool {
        use v1::watch_multipliers_request::Message;
        let heard = match &request.message {
            Some(Message::Acknowledgement(message)) => wire::acknowledgement(message),
            Some(Message::Hello(_)) | None => Err(crate::wire::Refusal::absent("acknowledgement")),
        };
        match heard {
            Ok((partition, generation)) => {
                acknowledged.insert(partition.0, generation);
                true
            }
            Err(refusal) => {
                // The stream ends either way.
                let _ = self.sent.send(Err(refusal.into())).await;
                false
            }
        }
    }

    /// Passes the latest acknowledgement on, once a round: the log need not hold every one.
    async fn acknowledge(
        &self,
        handle: &LoopHandle,
        acknowledged: &mut BTreeMap<u8, Acknowledged>,
    ) {
        let latest = acknowledged.remove(&handle.partition().0);
        if let (Some(bidder), Some(generation)) = (self.hello.bidder, latest) {
            tell_loop(handle, wire::acknowledged(bidder, generation)).await;
        }
    }

    /// The stream ended: unless the bidder is back in time, it is gone.
    async fn part(self, handles: &[LoopHandle], number: Option<u64>) {
        let (Some(bidder), Some(number)) = (self.hello.bidder, number) else { return };
        let Self { service, sent, .. } = self;
        drop(sent);
        tokio::time::sleep(RETURN_MAX).await;
        if !service.streams.end(bidder, number) {
            return;
        }
        for handle in handles {
            tell_loop(handle, wire::left(bidder)).await;
        }
    }
}

type Acknowledged = wire::Generation;

/// The generation an update brings its reader to.
fn newest(update: &v1::PartitionUpdate) -> Option<Acknowledged> {
    use v1::partition_update::News as Message;
    let generation = match update.news.as_ref()? {
        Message::Page(page) => page.generation,
        Message::Delta(delta) => delta.generation,
        Message::Heartbeat(_) => None,
    };
    generation.map(crate::wire::generation)
}

/// Wakes the stream's task at once, and then at every round. Ends when the stream does.
async fn relay(publisher: Publisher, place: usize, wake: mpsc::Sender<usize>) {
    let mut news: watch::Receiver<u64> = publisher.subscribe();
    loop {
        if wake.send(place).await.is_err() || news.changed().await.is_err() {
            return;
        }
    }
}
