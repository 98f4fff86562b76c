//! # paceline-calendar: tells
