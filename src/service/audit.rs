//! Every change that people make, once, with what was before and what came after.
//!
//! The trail is a fold over the log like the engine's state: whoever takes up a partition comes to
//! the same one, to the byte. Each record is sealed together with the one before it, so that a
//! record that was altered, left out or put in is found. Knows engines and inputs; no store, no
//! clock, no socket. Kept by the control loop; read by the admin service, the console and `ctl`.

pub mod difference;
pub mod export;
mod record;
mod trail;
pub mod undo;
mod watch;

pub use record::{Change, Object, Record, Seal, Sealed};
pub use trail::{BYTES_MAX, Broken, RECORDS_MAX, Trail, check};
