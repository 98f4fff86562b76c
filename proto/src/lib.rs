//! # paceline-proto: speaks
