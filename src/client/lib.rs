//! # paceline-client: obeys
