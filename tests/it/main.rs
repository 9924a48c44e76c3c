//! The integration tests: one binary, because each links everything.

mod architecture;
mod bench;
mod fleet;
mod login_flows;
