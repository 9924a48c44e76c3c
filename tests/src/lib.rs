//! The test bench: fake hosts that are real in every part but the hardware, and the processes around them.
//!
//! Nothing here is about Sallyport's rules. A [`Lab`] is a private network with [`Host`]s on it; a
//! [`Process`] is one of our programs under observation; an [`Agent`] is a private ssh-agent.
//! Everything is blocking and ends with its owner, also when a test panics or is killed.

pub mod agent;
pub mod applicant;
pub mod browser;
pub mod ca;
pub mod command;
pub mod demo;
pub mod entra_sim;
pub mod host;
pub mod lab;
pub mod oidc_provider;
pub mod process;
pub mod ssh;
pub mod stage;
pub mod wait;
pub mod world;

pub use agent::Agent;
pub use applicant::Applicant;
pub use browser::{Browser, Person};
pub use ca::{Ca, Issuer};
pub use command::Outcome;
pub use entra_sim::EntraSim;
pub use host::Host;
pub use lab::Lab;
pub use oidc_provider::{Account, OidcProvider};
pub use process::{Process, bin};
pub use ssh::Ssh;
pub use wait::{PATIENCE, wait_until};
pub use world::{Someone, World};
