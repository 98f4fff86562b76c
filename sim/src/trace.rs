//! Trace files: what happened elsewhere, read row by row.
//!
//! Four formats (auctions, campaigns, spend, traffic), each as CSV or Parquet, told apart by the
//! file's extension; and the service's own journal. Readers check every rule of the format as they
//! go, hold no more than a batch of rows, and name file, row, column, value and rule when they
//! refuse. They know nothing of laws, policies or markets; replay, scenarios and the generator call
//! them.

pub mod auctions;
pub mod campaigns;
pub mod error;
pub mod journal;
pub mod label;
pub mod orders;
pub mod spend;
pub mod traffic;

pub(crate) mod writer;

mod csv_source;
mod parquet_source;
mod seen;
mod source;

pub use error::{Place, TraceError};
pub use label::Labels;
