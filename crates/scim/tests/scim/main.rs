//! The behaviour that clients of the SCIM endpoint rely on.

#![expect(clippy::needless_pass_by_value, reason = "helpers take json!(…) as it stands")]
#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work fails the test")]

mod common;
mod entra_groups;
mod entra_users;
mod filters;
mod fuzzed;
mod kept;
mod posix;
mod properties;
mod rendering;
