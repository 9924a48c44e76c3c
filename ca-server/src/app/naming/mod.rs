//! Which account name and numbers a person gets, and that nobody else ever gets them.

mod adopt;
mod allocate;
mod apply;
mod attributes;
mod claims;
mod decide;
mod list;
mod mapping;
mod preview;
mod release;
mod review;
mod settings;
mod waiting;
mod wishes;

#[cfg(test)]
mod applied;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod previewed;
#[cfg(test)]
mod previewed_rows;
#[cfg(test)]
mod storm;

pub use adopt::adopted_here;
pub use allocate::{next_gid, next_uid};
pub use attributes::Attributes;
pub use mapping::Mapping;
pub use preview::preview_rows;
pub use review::{choose, forget_wishes, pin, review};
pub use settings::{APPLY_REMEDY, Naming, Unnamed};
pub use waiting::{Moved, judge_again, note_foreign};
