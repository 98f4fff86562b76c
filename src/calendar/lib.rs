//! # paceline-calendar: tells
//!
//! When local days, months and hours begin and end, in UTC. The time zone data is compiled in, so
//! that the answer depends on the build alone and never on the machine. Knows nothing of money and
//! reads no clock. Called by the service's catalogue and by the simulator.
//!
//! ```
//! use paceline_calendar::Zone;
//! use paceline_core::units::{Span, Timestamp};
//!
//! let zone = Zone::try_new("America/New_York")?;
//! // 8 March 2026, 12:00 UTC: the clocks went forward that morning.
//! let noon = Timestamp::from_micros(1_772_971_200_000_000);
//! let days = zone.days(noon, noon);
//! assert_eq!(days[0].window.span(), Span::from_secs(23 * 3_600));
//! assert_eq!(days[0].hours.len(), 23);
//! # Ok::<(), paceline_calendar::ZoneError>(())
//! ```

mod hour;
pub mod zone;

pub use zone::{TimeError, Zone, ZoneError, instant_text};
