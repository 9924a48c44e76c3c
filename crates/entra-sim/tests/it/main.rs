//! The simulator from outside, over HTTP.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod common;
#[cfg(test)]
mod control;
#[cfg(test)]
mod device;
#[cfg(test)]
mod program;
#[cfg(test)]
mod provision;
#[cfg(test)]
mod recorder;
