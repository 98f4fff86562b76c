//! # paceline-catalogue: lists
//!
//! Campaign files in, checked specifications out: the advertisers, groups, campaigns and traffic
//! shapes of a TOML file as the engine takes them. A file is taken whole or not at all, and every
//! fault in it is told at once, with its line, its path, its value and the rule it breaks. Knows
//! nothing of sockets, clocks or engines. Called by the service and by the simulator, so that both
//! read the same files in the same way.
//!
//! ```
//! let catalogue = paceline_catalogue::parse(
//!     r#"
//!     [[advertisers]]
//!     name = "north"
//!     currency = "USD"
//!     zone = "America/New_York"
//!
//!     [[campaigns]]
//!     name = "spring"
//!     advertiser = "north"
//!     flights = [{ start = "2026-03-01T00:00", end = "2026-04-01T00:00", budget = "1250.00 USD" }]
//!     "#,
//! )?;
//! assert_eq!(catalogue.campaigns[0].name.as_str(), "spring");
//! # Ok::<(), paceline_catalogue::CatalogueError>(())
//! ```

mod average;
mod budgets;
mod check;
mod complaint;
mod cursor;
mod terms;
mod value;
mod write;

pub use complaint::{COMPLAINTS_MAX, CatalogueError, Complaint};
use paceline_core::campaign::{AdvertiserSpec, CampaignSpec, GroupSpec};
use paceline_core::input::ShapeChange;
use paceline_core::units::{Name, ShapeId};
use std::path::Path;
pub use write::{WriteError, to_toml};

/// Advertisers, groups, campaigns and shapes in one file, each; a service of ten thousand campaigns
/// is the largest that was measured.
pub const ITEMS_MAX: usize = 10_000;
/// Flights of one owner: a flight a day for a year, and then some.
pub const FLIGHTS_MAX: usize = 400;
/// Bytes of a file: ten thousand campaigns with many flights take a tenth of it.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// The expected course of traffic over a local week, under its outside name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Key of `name`.
    pub id: ShapeId,
    /// Outside identity.
    pub name: Name,
    /// Relative weight of each slot of the week, Monday 00:00 local first: 168, 336 or 672.
    pub weights: Vec<u32>,
}

impl Shape {
    /// The same as an input for the engine.
    #[must_use]
    pub fn change(&self) -> ShapeChange {
        ShapeChange { id: self.id, name: Some(self.name.clone()), weights: self.weights.clone() }
    }
}

/// Everything a file states, checked. Every reference in it leads to something in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// In the order of the file.
    pub advertisers: Vec<AdvertiserSpec>,
    /// In the order of the file.
    pub groups: Vec<GroupSpec>,
    /// In the order of the file.
    pub campaigns: Vec<CampaignSpec>,
    /// In the order of the file.
    pub shapes: Vec<Shape>,
}

/// Reads a file.
///
/// # Errors
/// [`CatalogueError::Unreadable`] when the file cannot be read or is larger than
/// [`FILE_BYTES_MAX`]; [`CatalogueError::Faulty`] with every complaint about what it says.
pub fn read(path: &Path) -> Result<Catalogue, CatalogueError> {
    let unreadable = |why: String| CatalogueError::Unreadable { path: path.to_owned(), why };
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unreadable(format!("has {size} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(&text)
}

/// Reads the text of a file.
///
/// # Errors
/// [`CatalogueError::Faulty`] with every complaint.
pub fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
    check::catalogue(text)
}
