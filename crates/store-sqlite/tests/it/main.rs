//! The adapter from outside: the promise of `sallyport-store`, and what SQLite and the file system add to it.
#![expect(clippy::unwrap_used, reason = "tests; the lint's exemption does not reach their helpers")]

mod conformance;
mod damage;
mod files;
mod full_disk;
mod killed;
mod queues;
mod support;
