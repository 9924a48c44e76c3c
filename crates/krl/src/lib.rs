//! krl
