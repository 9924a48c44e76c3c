//! What the CA and everybody who reads a certificate rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod fixture;
mod hostile_keys;
mod openssh;
mod stages;
