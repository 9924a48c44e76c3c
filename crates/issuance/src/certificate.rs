use std::collections::BTreeSet;

use jiff::Timestamp;
use sallyport_domain::{Extension, HostName, Principals, Serial};

use crate::{CriticalOptions, KeyId};

/// What a person's certificate shall say. Times count in whole seconds; a fraction is cut off.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserCertificate {
    pub serial: Serial,
    pub key_id: KeyId,
    pub principals: Principals,
    pub valid_after: Timestamp,
    /// The first second at which it is not valid any more.
    pub valid_before: Timestamp,
    pub extensions: BTreeSet<Extension>,
    pub critical_options: CriticalOptions,
}

/// What a host's certificate shall say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostCertificate {
    pub serial: Serial,
    pub key_id: KeyId,
    /// 1 to 256, none twice; the first is the host's name.
    pub names: Vec<HostName>,
    pub valid_after: Timestamp,
    /// The first second at which it is not valid any more.
    pub valid_before: Timestamp,
}

/// A signed certificate and what it says, as read back from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuedCertificate {
    /// The OpenSSH line, without comment and line break.
    pub line: String,
    pub serial: Serial,
    pub valid_after: Timestamp,
    pub valid_before: Timestamp,
    /// Of a host: its names.
    pub principals: Vec<String>,
}
