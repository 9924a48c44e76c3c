//! The test bench itself: what the other tests take for granted.

mod hosts;
mod sign_in;
