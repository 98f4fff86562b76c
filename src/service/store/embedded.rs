//! The embedded store: durable, in one file in one folder, nothing to install.
//!
//! One redb file holds all partitions. Writes go through a bounded queue to one thread
//! ([`commit`]), which commits all that wait in one synced transaction; reads run on the runtime's
//! blocking threads and never wait for a commit. Knows no pacing.

mod commit;
mod past;
mod rows;
mod undo;

use super::checkpoint::{Checkpoint, CheckpointHead, PART_BYTES};
use super::error::{StoreError, StoreFault};
use super::lead::{LeadAnswer, LeadClaim, LeadLease};
use super::offset::Offset;
use super::past::KeptStretch;
use commit::Committer;
use paceline_core::input::Stamped;
use paceline_core::past::Grain;
use paceline_core::units::{CampaignId, Epoch, PartitionId, Span, Timestamp};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase as _, StorageError};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use undo::{Undo, Watched};

/// The store's file inside its folder.
pub const FILE_NAME: &str = "paceline.redb";
/// Memory for pages of the file. The log is written and read in order, so more brings little.
const CACHE_BYTES: usize = 64 << 20;

/// Everything durable, in one file or in memory. The last clone closes it, waiting for the commit
/// at hand.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    inner: Arc<Committer>,
}

impl EmbeddedStore {
    /// Opens `<folder>/paceline.redb`, or makes it with `partitions` partitions, which is fixed
    /// from then on. Checks the whole file first: some seconds for some gigabytes.
    ///
    /// Leads held by the file's last user are void: the lock on the file shows that it is gone.
    ///
    /// # Errors
    /// [`StoreFault::Locked`], [`StoreFault::Damaged`] (the file stays as it is),
    /// [`StoreFault::Partitions`], [`StoreFault::Disk`].
    pub fn open(folder: &Path, partitions: u8) -> Result<Self, StoreError> {
        let path = folder.join(FILE_NAME);
        let opened = || {
            std::fs::create_dir_all(folder).map_err(disk)?;
            check_magic(&path)?;
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path);
            let undo = Undo::default();
            let file = FileBackend::new(file.map_err(disk)?);
            let file = file.map_err(|error| name_path(error, &path))?;
            let opened = Database::builder()
                .set_cache_size(CACHE_BYTES)
                .set_check_integrity_on_open(true)
                .create_with_backend(Watched::new(file, undo.clone()).map_err(disk)?)
                .map_err(|error| name_path(error, &path))
                .and_then(|database| Self::start(database, partitions));
            if matches!(opened, Err(StoreFault::Damaged { .. })) {
                undo.put_back(&path).map_err(disk)?;
            }
            undo.forget();
            opened
        };
        opened().map_err(|fault| StoreError::new(format!("opening {}", path.display()), fault))
    }

    /// A store that lives as long as its last clone: for tests and trials.
    ///
    /// # Errors
    /// [`StoreFault::Config`] when there are no partitions.
    pub fn in_memory(partitions: u8) -> Result<Self, StoreError> {
        Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(disk)
            .and_then(|database| Self::start(database, partitions))
            .map_err(|fault| StoreError::new("opening a store in memory", fault))
    }

    fn start(database: Database, partitions: u8) -> Result<Self, StoreFault> {
        if partitions == 0 {
            let rule = "must be at least 1".to_owned();
            return Err(StoreFault::Config { field: "partitions", rule });
        }
        let ends = rows::prepare(&database, partitions)?;
        Ok(Self { inner: Arc::new(Committer::start(database, ends)?) })
    }

    pub(super) fn partitions(&self) -> u8 {
        self.inner.partitions()
    }

    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let inner = Arc::clone(&self.inner);
        let work = move || work(&inner.database().begin_read().map_err(disk)?);
        // A reader that panicked or a runtime that shuts down: nothing more can be read.
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreFault::Closed)?
    }

    pub(super) async fn append(
        &self,
        partition: PartitionId,
        fence: Option<Epoch>,
        count: u32,
        batch: Vec<u8>,
    ) -> Result<Offset, StoreFault> {
        let work = move |write: &_| rows::append(write, partition, fence, count, &batch);
        self.inner.submit_append(partition, work).await
    }

    pub(super) async fn read(
        &self,
        partition: PartitionId,
        after: Offset,
        max: usize,
    ) -> Result<Vec<(Offset, Stamped)>, StoreFault> {
        self.reading(move |read| rows::read(read, partition, after, max)).await
    }

    pub(super) async fn end(&self, partition: PartitionId) -> Result<Offset, StoreFault> {
        Ok(self.inner.end(partition))
    }

    pub(super) async fn wait(
        &self,
        partition: PartitionId,
        after: Offset,
        patience: Duration,
    ) -> Result<bool, StoreFault> {
        let mut ends = self.inner.watch(partition);
        let longer = ends.wait_for(|end| *end > after);
        match tokio::time::timeout(patience, longer).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(_)) => Err(StoreFault::Closed),
            Err(_) => Ok(false),
        }
    }

    pub(super) async fn trim(
        &self,
        partition: PartitionId,
        before: Offset,
    ) -> Result<u64, StoreFault> {
        self.inner.submit(move |write| rows::trim(write, partition, before)).await
    }

    pub(super) async fn save_checkpoint(
        &self,
        partition: PartitionId,
        checkpoint: Checkpoint,
    ) -> Result<(), StoreFault> {
        // Part by part, so that appends need not wait behind a large checkpoint.
        let Checkpoint { epoch, offset, bytes } = checkpoint;
        let side = self.reading(move |read| rows::free_side(read, partition)).await?;
        for (index, part) in (0..).zip(bytes.chunks(PART_BYTES)) {
            let part = part.to_vec();
            let work =
                move |write: &_| rows::save_part(write, partition, epoch, (side, index), &part);
            self.inner.submit(work).await?;
        }
        let head = CheckpointHead { side, epoch, offset, bytes: bytes.len() as u64 };
        self.inner.submit(move |write| rows::save_head(write, partition, &head)).await
    }

    pub(super) async fn load_checkpoint(
        &self,
        partition: PartitionId,
    ) -> Result<Option<Checkpoint>, StoreFault> {
        self.reading(move |read| rows::load_checkpoint(read, partition)).await
    }

    pub(super) async fn keep_past(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        stretches: Vec<KeptStretch>,
    ) -> Result<(), StoreFault> {
        let work = move |write: &_| past::keep(write, partition, epoch, &stretches);
        self.inner.submit(work).await
    }

    pub(super) async fn drop_past(
        &self,
        partition: PartitionId,
        epoch: Epoch,
        before: (Grain, Timestamp),
    ) -> Result<usize, StoreFault> {
        self.inner.submit(move |write| past::drop_before(write, partition, epoch, before)).await
    }

    pub(super) async fn load_past(
        &self,
        partition: PartitionId,
        campaign: CampaignId,
        which: (Grain, Timestamp, Timestamp),
    ) -> Result<Vec<Vec<u8>>, StoreFault> {
        self.reading(move |read| past::load(read, partition, campaign, which)).await
    }

    pub(super) async fn acquire_lead(
        &self,
        partition: PartitionId,
        claim: &LeadClaim,
    ) -> Result<LeadAnswer, StoreFault> {
        let claim = claim.clone();
        let work = move |write: &_| rows::change_lead(write, partition, |lead| lead.claim(&claim));
        self.inner.submit(work).await
    }

    pub(super) async fn renew_lead(
        &self,
        partition: PartitionId,
        lease: &LeadLease,
        span: Span,
        now: Timestamp,
    ) -> Result<LeadLease, StoreFault> {
        let lease = lease.clone();
        let work = move |write: &_| {
            rows::change_lead(write, partition, |lead| lead.renew(&lease, span, now))
        };
        self.inner.submit(work).await
    }

    pub(super) async fn resign_lead(
        &self,
        partition: PartitionId,
        lease: &LeadLease,
    ) -> Result<(), StoreFault> {
        let lease = lease.clone();
        let work = move |write: &_| {
            rows::change_lead(write, partition, |lead| {
                lead.resign(&lease);
                Ok(())
            })
        };
        self.inner.submit(work).await
    }

    pub(super) async fn check(&self) -> Result<(), StoreFault> {
        self.inner.submit(|_| Ok(())).await
    }
}

/// Refuses a file that is not redb's before the engine touches it: a file of another program, or
/// one whose first page is gone.
fn check_magic(path: &Path) -> Result<(), StoreFault> {
    use std::io::Read as _;
    const MAGIC: &[u8; 4] = b"redb";
    let mut found = [0_u8; 4];
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(disk(error)),
    };
    if file.metadata().map_err(disk)?.len() == 0 {
        return Ok(());
    }
    match file.read_exact(&mut found) {
        Ok(()) if &found == MAGIC => Ok(()),
        Ok(()) => Err(damaged(path, "its first bytes are not those of a store")),
        Err(error) => Err(damaged(path, error)),
    }
}

fn name_path(error: DatabaseError, path: &Path) -> StoreFault {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreFault::Locked { path: path.to_owned() },
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            disk(error)
        }
        other => damaged(path, other),
    }
}

fn damaged(path: &Path, source: impl Into<super::error::Source>) -> StoreFault {
    StoreFault::Damaged { path: path.to_owned(), source: source.into() }
}

fn disk(error: impl Into<super::error::Source>) -> StoreFault {
    StoreFault::Disk(error.into())
}
