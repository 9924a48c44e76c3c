use sallyport_domain::{Generation, Serial};

use crate::StoreError;

/// The CA's own counters.
pub trait Meta {
    /// The last number of the revocation list; [`Generation::ZERO`] before the first.
    fn krl_number(&self) -> Result<Generation, StoreError>;
    /// The serial that the next certificate gets; `None` before the first.
    fn next_serial(&self) -> Result<Option<Serial>, StoreError>;
    /// Whether the chain tells of all links, also of those from before it told of each.
    fn links_told(&self) -> Result<bool, StoreError>;
}

pub trait MetaMut {
    fn set_krl_number(&mut self, number: Generation) -> Result<(), StoreError>;
    fn set_next_serial(&mut self, serial: Serial) -> Result<(), StoreError>;
    fn set_links_told(&mut self) -> Result<(), StoreError>;
}
