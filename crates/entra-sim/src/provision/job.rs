//! What the service remembers of one SCIM server between cycles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Values by SCIM attribute path, as last sent.
pub type Attributes = BTreeMap<String, Value>;

/// The memory of one job: the server's ids for our objects, and what was last sent about them.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
pub struct Job {
    /// Counts the saved cycles; 0 before the first.
    #[serde(default)]
    pub revision: u64,
    #[serde(default)]
    pub users: BTreeMap<Uuid, Linked>,
    #[serde(default)]
    pub groups: BTreeMap<Uuid, Linked>,
}

/// One object that the server has.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Linked {
    /// The server's SCIM id.
    pub id: String,
    pub sent: Attributes,
    /// Of a group: the object ids of the members that the server was told of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<Uuid>,
}
