//! The integration tests: one binary, because each links everything.

mod architecture;
mod bench;
