use std::time::Duration;

/// What one listener gives to those who connect: places and time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub(super) connections: usize,
    /// Of them, from one address.
    pub(super) connections_of_one: usize,
    /// For the TLS handshake.
    pub(super) handshake: Duration,
    /// From one request to the end of the next one's headers: slow headers and idle connections end here.
    pub(super) headers: Duration,
    /// In this time somebody who reads slowly takes [`Limits::slowest`] bytes, or is cut off.
    pub(super) write: Duration,
    pub(super) slowest: usize,
}

impl Limits {
    /// On an address.
    pub const NETWORK: Self = Self {
        // A host holds one for its long poll.
        connections: 8192,
        // A fleet behind one proxy or NAT fits, a single machine cannot take all.
        connections_of_one: 2048,
        handshake: Duration::from_secs(10),
        // Above what reverse proxies keep idle connections for (60 s, mostly): they close first, and lose no request.
        headers: Duration::from_secs(75),
        write: Duration::from_secs(30),
        // A modem's pace.
        slowest: 64 * 1024,
    };
    /// On the administrators' socket.
    pub const SOCKET: Self = Self { connections: 64, ..Self::NETWORK };
}
