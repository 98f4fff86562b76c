//! # paceline-view: shows
