//! The simulator from outside, over HTTP.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod common;
