use std::fmt;

use jiff::Timestamp;
use rand::RngCore;

/// What `Now`, `Guid`, `RandomString` and `SelectUniqueValue` need besides attributes. A function whose part is
/// missing is refused.
#[derive(Default)]
pub struct World<'a> {
    pub now: Option<Timestamp>,
    pub random: Option<&'a mut dyn RngCore>,
    /// Whether a value is already used by somebody else.
    pub taken: Option<&'a dyn Fn(&str) -> bool>,
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}
