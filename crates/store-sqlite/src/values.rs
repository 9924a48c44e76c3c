use std::collections::BTreeSet;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;
use rusqlite::types::ValueRef;
use sallyport_audit::Hash;
use sallyport_domain::{
    ConflictReason, ConnectionName, Generation, HostName, HostPattern, HostPatterns, HostState, Id, Kind,
    ObjectId, PosixName, Serial, Tags, TenantId, Uid, UserState,
};
use sallyport_store::{CredentialKind, LoginKind, SecretHash, StoreError, Unsettled};
use serde_json::{Map, Value};

use crate::failure::{TooLarge, database};

/// A value as it lies in one column. `None` when it cannot be one.
pub(crate) trait Column: Sized {
    fn from_value(value: ValueRef<'_>) -> Option<Self>;
}

impl<T: Column> Column for Option<T> {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl Column for i64 {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_i64().ok()
    }
}

impl Column for bool {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        match i64::from_value(value)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Column for u32 {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl Column for u64 {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl Column for usize {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl Column for Generation {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        u64::from_value(value).map(Self::new)
    }
}

impl Column for Serial {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        u64::from_value(value).and_then(Self::new)
    }
}

impl Column for Timestamp {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        Self::from_microsecond(i64::from_value(value)?).ok()
    }
}

impl Column for Uid {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        u32::from_value(value)?.try_into().ok()
    }
}

impl Column for String {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_str().ok().map(ToOwned::to_owned)
    }
}

impl Column for Vec<u8> {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok().map(ToOwned::to_owned)
    }
}

impl Column for [u8; 32] {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        value.as_blob().ok()?.try_into().ok()
    }
}

impl Column for SecretHash {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        Column::from_value(value).map(Self)
    }
}

impl Column for Hash {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        <[u8; 32]>::from_value(value).map(Self::from)
    }
}

impl<K: Kind> Column for Id<K> {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        parsed(value)
    }
}

impl Column for LoginKind {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        match value.as_str().ok()? {
            BROWSER => Some(Self::Browser),
            DEVICE => Some(Self::Device),
            _ => None,
        }
    }
}

impl Column for CredentialKind {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        let text = value.as_str().ok()?;
        [Self::Basic, Self::Bearer, Self::OAuth].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Column for Unsettled {
    fn from_value(value: ValueRef<'_>) -> Option<Self> {
        let text = value.as_str().ok()?;
        [Self::Grant, Self::Withdrawal].into_iter().find(|what| what.as_str() == text)
    }
}

const BROWSER: &str = "browser";
const DEVICE: &str = "device";

pub(crate) const fn login_kind(kind: LoginKind) -> &'static str {
    match kind {
        LoginKind::Browser => BROWSER,
        LoginKind::Device => DEVICE,
    }
}

fn parsed<T: FromStr>(value: ValueRef<'_>) -> Option<T> {
    value.as_str().ok()?.parse().ok()
}

macro_rules! columns {
    ($read:expr => $($type:ty),* $(,)?) => {$(
        impl Column for $type {
            fn from_value(value: ValueRef<'_>) -> Option<Self> {
                $read(value)
            }
        }
    )*};
}

columns!(parsed => ConflictReason, ConnectionName, HostName, HostPattern, HostState, ObjectId, PosixName, TenantId, UserState);
columns!(from_json => BTreeSet<PosixName>, HostPatterns, Vec<IpNet>, Map<String, Value>, Tags, Vec<HostName>, Vec<String>, Vec<Value>);

fn from_json<T: serde::de::DeserializeOwned>(value: ValueRef<'_>) -> Option<T> {
    serde_json::from_str(value.as_str().ok()?).ok()
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(database)
}

/// Text of a value, `None` for none.
pub(crate) fn text(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// Microseconds since 1970, rounded towards the past: a time never gets later by being stored.
pub(crate) fn micros(time: Timestamp) -> i64 {
    let towards_1970 = time.as_microsecond();
    if time.subsec_nanosecond() % 1_000 < 0 { towards_1970.saturating_sub(1) } else { towards_1970 }
}

pub(crate) fn whole(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| database(TooLarge(number)))
}

/// A count for LIMIT or OFFSET; more rows than fit there are never stored.
pub(crate) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::Value;

    use super::*;

    proptest! {
        #[test]
        fn a_time_comes_back_cut_to_its_microsecond(second in -9_000_000_000_i64..=253_402_200_000, nano in 0_i32..1_000_000_000) {
            let time = Timestamp::new(second, nano).unwrap();
            let back = Timestamp::from_value(ValueRef::from(&Value::from(micros(time)))).unwrap();
            let lost = time.as_nanosecond() - back.as_nanosecond();
            prop_assert!((0..1_000).contains(&lost), "{lost} ns");
        }
    }
}
