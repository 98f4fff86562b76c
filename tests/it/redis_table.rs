//! The table in Redis: what a reader without an RPC finds there is what `GetMultipliers` gives,
//! byte for byte, and the way to read it in the docs works.

use crate::harness::{Service, Setup, StoreArm, until};
use crate::market::{FastClock, Order, enter};
use paceline::store::redis::table::PAGE_ENTRIES;
use paceline_core::hash::Digest;
use paceline_core::shade::codec::{decode_schedules, decode_segments};
use paceline_core::shade::{ShadeDelta, ShadingLevel};
use paceline_core::table::codec::{ENTRY_BYTES, decode_entries, encode_entry};
use paceline_core::table::{EntryShading, EntryState, TableEntry};
use paceline_core::units::{
    ArmId, CampaignId, CpmMicros, PacingMultiplier, ParticipationRate, Ppm, SegmentId,
};
use paceline_proto::v1;
use paceline_proto::v1::multiplier_service_client::MultiplierServiceClient;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

const DOCS: &str = include_str!("../../docs/REDIS.md");
const KEY: &str = "{paceline:000}:table";
/// More than a page in Redis holds.
const CAMPAIGNS: usize = PAGE_ENTRIES + 100;

/// The whole hash, read by one command.
type Fields = BTreeMap<String, Vec<u8>>;

struct Stored(Fields);

impl Stored {
    async fn read(service: &Service) -> Self {
        Self::of(service, KEY).await
    }

    async fn of(service: &Service, key: &str) -> Self {
        Self(service.redis().unwrap().say::<Fields>(&["HGETALL", key]).await)
    }

    fn text(&self, field: &str) -> String {
        String::from_utf8(self.0.get(field).cloned().unwrap_or_default()).unwrap()
    }

    fn pages(&self) -> Vec<Vec<u8>> {
        let count: usize = self.text("pages").parse().unwrap();
        assert!(!self.0.contains_key(&format!("page:{count}")), "no page is left over");
        (0..count).map(|page| self.0[&format!("page:{page}")].clone()).collect()
    }
}

/// Head, records and lease of a table.
type Polled = (v1::TablePage, Vec<u8>, v1::Lease);

/// The table by RPC, if it is of this generation.
async fn polled(service: &Service, generation: &str) -> Option<Polled> {
    let mut client = MultiplierServiceClient::new(service.channel());
    let asked = client.get_multipliers(v1::GetMultipliersRequest::default()).await;
    let update = asked.unwrap().into_inner().updates.remove(0);
    let Some(v1::partition_update::News::Page(page)) = update.news else { return None };
    let held = page.generation.unwrap();
    assert_eq!(page.next_page_token, "", "the table fits on one page of the RPC");
    let is_same = format!("{}.{}", held.epoch, held.sequence) == generation;
    is_same.then(|| (page.clone(), page.entries.to_vec(), update.lease.unwrap()))
}

fn micros(at: Option<prost_types::Timestamp>) -> String {
    let at = at.unwrap();
    (at.seconds * 1_000_000 + i64::from(at.nanos / 1_000)).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_in_redis_is_what_the_rpc_gives() {
    let Some(setup) = Setup::of(StoreArm::Redis).await else { return };
    let mut service = setup.start().await;
    let clock = FastClock::new(1);
    let order = |number| Order {
        name: format!("campaign-{number}"),
        budget_micros: 1_000_000,
        law: v1::PacingLaw::LogPid,
    };
    enter(&service, &clock, &(0..CAMPAIGNS).map(order).collect::<Vec<_>>()).await;
    let (stored, page, records, lease) = both(&service).await;
    let pages = stored.pages();
    assert_eq!(
        pages.iter().map(Vec::len).collect::<Vec<_>>(),
        [PAGE_ENTRIES * ENTRY_BYTES, 100 * ENTRY_BYTES]
    );
    assert_eq!(pages.concat(), records, "the same bytes");
    let digest = page.digest.unwrap();
    assert_eq!(stored.text("digest"), Digest::from_halves(digest.high, digest.low).to_string());
    let expected = [
        ("entries", CAMPAIGNS.to_string()),
        ("entry_bytes", ENTRY_BYTES.to_string()),
        ("page_entries", PAGE_ENTRIES.to_string()),
        ("as_of_us", micros(page.as_of)),
        ("valid_until_us", micros(lease.valid_until)),
        ("grace_until_us", micros(lease.grace_until)),
    ];
    for (field, value) in expected {
        assert_eq!(stored.text(field), value, "{field}");
    }
    let entries: Result<Vec<TableEntry>, _> =
        decode_entries(&pages.concat(), ENTRY_BYTES).unwrap().collect();
    let sum = entries.unwrap().iter().fold(Digest::default(), |sum, one| sum.with(one.digest()));
    assert_eq!(stored.text("digest"), sum.to_string());
    if let Some(told) = python(&stored) {
        assert_eq!(told, format!("{CAMPAIGNS} entries"));
    }
    // A new leader goes on above the old one, in Redis as well.
    let before = stored.text("epoch");
    service.restart().await;
    until("a table of the new term", async || {
        let epoch = Stored::read(&service).await.text("epoch");
        (epoch > before).then_some(())
    })
    .await;
}

/// The schedules of partition 0 in Redis say of a segment what it is best to bid for a value; by
/// the functions of the docs, where there is a Python.
pub(crate) async fn schedules_say(service: &Service, (segment, value): (&str, i64), best: i64) {
    let key = SegmentId::of(segment).key();
    let call = format!("print(best(schedules(head, pages)[{key}], {value}))");
    until("schedules in redis", async || {
        let stored = Stored::of(service, "{paceline:000}:shading").await;
        if stored.text("generation").is_empty() {
            return None;
        }
        let (pages, first) = (stored.pages(), stored.text("schedule_pages").parse().unwrap());
        let (schedules, segments) = pages.split_at(first);
        let delta = ShadeDelta {
            schedules: decode_schedules(&schedules.concat()).unwrap(),
            segments: decode_segments(&segments.concat()).unwrap(),
        };
        assert_eq!(stored.text("digest"), delta.digest().to_string());
        let (_, id) = delta.segments.iter().find(|(id, _)| id.key() == key)?;
        let (_, schedule) = delta.schedules.iter().find(|(known, _)| known == id)?;
        let told = schedule.bid(ShadingLevel::Standard, CpmMicros::new(value)).get();
        let by_docs = run_docs(&stored, &call);
        assert!(by_docs.is_none_or(|by_docs| by_docs == told.to_string()), "{told}");
        (told == best).then_some(())
    })
    .await;
}

/// One table as both ways give it.
async fn both(service: &Service) -> (Stored, v1::TablePage, Vec<u8>, v1::Lease) {
    until("all campaigns in both tables at one generation", async || {
        let stored = Stored::read(service).await;
        if stored.text("entries") != CAMPAIGNS.to_string() {
            return None;
        }
        let (page, records, lease) = polled(service, &stored.text("generation")).await?;
        Some((stored, page, records, lease))
    })
    .await
}

/// The function of the docs, on this table. Nothing where there is no Python, except in CI.
fn python(stored: &Stored) -> Option<String> {
    let call = "print(len(read(head, pages)), 'entries')";
    run_docs(stored, call)
}

/// Runs a line on head and pages of a hash, after all functions of the docs.
fn run_docs(stored: &Stored, call: &str) -> Option<String> {
    let blocks = DOCS.split("```python\n").skip(1);
    let functions: Vec<&str> = blocks.map(|after| after.split_once("```").unwrap().0).collect();
    let functions = functions.concat();
    let head: BTreeMap<&str, String> = stored
        .0
        .keys()
        .filter(|field| !field.starts_with("page:"))
        .map(|field| (field.as_str(), stored.text(field)))
        .collect();
    let pages: Vec<String> = stored.pages().iter().map(|page| hex(page)).collect();
    let call = format!(
        "{functions}\nhead = {}\npages = [bytes.fromhex(page) for page in {}]\n{call}\n",
        serde_json::to_string(&head).unwrap(),
        serde_json::to_string(&pages).unwrap()
    );
    let spawned =
        Command::new("python3").arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("leaving the docs' Python out: python3 cannot be started: {error}");
            return None;
        }
        Err(error) => panic!("python3 is needed in CI: {error}"),
    };
    child.stdin.take().unwrap().write_all(call.as_bytes()).unwrap();
    let told = child.wait_with_output().unwrap();
    assert!(told.status.success(), "the docs' Python refuses the table");
    Some(String::from_utf8(told.stdout).unwrap().trim().to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_example_of_the_docs_is_a_record_and_its_digest() {
    let ppm = |ppm| PacingMultiplier::try_new(Ppm::new(ppm)).unwrap();
    let entry = TableEntry {
        campaign: CampaignId::of("shoes"),
        arm: ArmId(0),
        state: EntryState::Run,
        multiplier: ppm(350_000),
        participation: ParticipationRate::try_new(Ppm::new(1_000_000)).unwrap(),
        safe_multiplier: ppm(210_000),
        value_cap: Some(CpmMicros::new(12_000_000)),
        shading: EntryShading::default(),
        salt: 0x1122_3344_5566_7788,
    };
    assert!(DOCS.contains(&format!("\n{}\n", hex(&encode_entry(&entry)))));
    let digest = Digest::default().with(entry.digest());
    assert!(DOCS.contains(&format!("the digest `{digest}`")), "{digest}");
}
