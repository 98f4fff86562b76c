//! # paceline-sim: rehearses
//!
//! A market in a box that drives the very engine the service runs, in virtual time; and readers,
//! replays and makers of recorded worlds.

pub mod agenda;
pub mod args;
pub mod auditor;
pub mod bidder;
pub mod bridge;
pub mod compare;
pub mod contender;
pub mod diagnose;
mod dice;
pub mod equilibrium;
pub mod fault;
pub mod forecast;
pub mod generate;
pub mod hall;
pub mod joint;
pub mod lookout;
pub mod margins;
pub mod market;
pub mod number;
pub mod policy;
pub mod preview;
pub mod progress;
pub mod replay;
pub mod report;
pub mod returns;
pub mod rival;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod self_play;
pub mod shading;
pub mod swarm;
pub mod sweep;
pub mod trace;
pub mod world;
