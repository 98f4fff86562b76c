//! # paceline-sim: rehearses
