//! One file a command: what it does, in its order.

mod config;
mod inspect;
mod login;
mod logout;
mod status;

pub(crate) use config::config;
pub(crate) use inspect::inspect;
pub(crate) use login::{Obtained, login};
pub(crate) use logout::logout;
pub(crate) use status::status;
