//! Where workers and the committer tell what is wrong: the same for all parts of the host.

pub use crate::contract::Health;
