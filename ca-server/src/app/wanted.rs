use sallyport_scim::{Meta, ScimError, Versions};

/// A resource that is to be changed, and what it has to be for that.
#[derive(Clone, Debug)]
pub struct Wanted<T> {
    pub id: T,
    /// What `If-Match` names; `None`: whatever it is.
    pub version: Option<Versions>,
}

impl<T> From<T> for Wanted<T> {
    fn from(id: T) -> Self {
        Self { id, version: None }
    }
}

impl<T> Wanted<T> {
    /// To be asked in the transaction that changes it: before, it would be a race.
    pub(super) fn require(&self, meta: &Meta) -> Result<(), ScimError> {
        Versions::require(self.version.as_ref(), &meta.version())
    }
}
