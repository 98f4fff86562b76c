//! # paceline-proto: speaks
//!
//! The wire contract as generated from `paceline/v1/*.proto`, and nothing by hand. Knows no room.
//! Called by the service's `wire` and by the client's subscriber and reporter; the RPC halves are
//! behind the features `client` and `server`.

/// The first version of the contract.
#[expect(clippy::all, clippy::pedantic, reason = "generated code keeps its generator's style")]
#[cfg_attr(
    any(feature = "client", feature = "server"),
    expect(unused_qualifications, reason = "generated code keeps its generator's style")
)]
pub mod v1 {
    include!("gen/paceline.v1.rs");

    /// All files of the contract as an encoded `FileDescriptorSet`, for reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/paceline.v1.bin");
}
