use jiff::Timestamp;

/// Where the time comes from. Only the edges hold one; the core is given the value.
///
/// Read it once a request and pass the value down: two reads in one decision are two truths.
pub trait Clock: Send + Sync {
    /// The current wall time. Not required to be monotonic.
    fn now(&self) -> Timestamp;
}
