//! The integration tests: one binary, because each links everything.

mod accounts;
mod architecture;
mod bench;
mod ca;
mod documents;
mod fleet;
mod host_agent;
mod login_flows;
mod posix_groups;
mod story;
