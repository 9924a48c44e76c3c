//! The integration tests: one binary, because each links everything.

mod architecture;
mod bench;
mod login_flows;
