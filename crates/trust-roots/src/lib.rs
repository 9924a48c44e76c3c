//! trust-roots
