//! The promise, table by table.

mod audit_log;
mod certificates;
mod connections;
mod directory;
mod grants;
mod groups;
mod hosts;
mod ledger;
mod meta;
mod people;
mod posix_groups;
mod provisioning;
mod resources;
mod sessions;
mod tokens;
mod unsettled;
