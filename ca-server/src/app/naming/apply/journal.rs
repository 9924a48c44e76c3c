use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sallyport_domain::{PosixName, UserId};
use tokio::sync::MutexGuard;

/// Who was judged, and what moved, while an expression is being put in force: its plan is of an older state.
///
/// In memory: one process owns the store, and what is not in force after a crash was not put in force.
#[derive(Debug, Default)]
pub struct Journal {
    noted: Mutex<Option<Noted>>,
    alone: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) users: BTreeSet<UserId>,
    pub(super) names: BTreeSet<PosixName>,
}

/// While this lives, the journal is written.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a Journal);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.with(|noted| *noted = None);
    }
}

impl Journal {
    pub(super) async fn alone(&self) -> MutexGuard<'_, ()> {
        self.alone.lock().await
    }

    pub(super) fn open(&self) -> Open<'_> {
        self.with(|noted| *noted = Some(Noted::default()));
        Open(self)
    }

    /// What was noted so far, while it is open. What comes next is noted anew.
    pub(super) fn take(&self) -> Option<Noted> {
        self.with(|noted| noted.as_mut().map(std::mem::take))
    }

    pub(in crate::app::naming) fn judged(&self, user: UserId) {
        self.with(|noted| {
            if let Some(noted) = noted {
                noted.users.insert(user);
            }
        });
    }

    pub(in crate::app::naming) fn moved(&self, name: &PosixName) {
        self.with(|noted| {
            if let Some(noted) = noted {
                noted.names.insert(name.clone());
            }
        });
    }

    fn with<T>(&self, what: impl FnOnce(&mut Option<Noted>) -> T) -> T {
        what(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
