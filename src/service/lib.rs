//! # paceline: acts
