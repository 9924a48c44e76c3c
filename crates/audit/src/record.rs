use jiff::Timestamp;
use sallyport_domain::{HostId, RequestId, Serial, UserId};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Event, Hash};

/// Where a chain ends: enough to go on with it, and what is signed and kept elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Head {
    /// The number of the last record; 0 when there is none.
    pub seq: u64,
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const GENESIS: Self = Self { seq: 0, hash: Hash::ZERO };
}

/// An event in its place in the chain, as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// From 1, without gaps.
    pub seq: u64,
    /// The canonical JSON: one object, members in alphabetical order, no white space; it names `seq` and `prev`.
    /// Kept as text, because these very bytes are what the hash is over.
    pub body: String,
    pub hash: Hash,
}

/// The members of a body. `event` stays text, so that a record of a later version can still be verified.
#[derive(Deserialize)]
pub(crate) struct Body {
    at: Timestamp,
    detail: Map<String, Value>,
    event: String,
    host: Option<HostId>,
    pub(crate) prev: Hash,
    request: Option<RequestId>,
    pub(crate) seq: u64,
    serial: Option<Serial>,
    user: Option<UserId>,
}

/// A record that does not read: damaged, or written by a later version.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the body of audit record {seq} is not an event")]
    Body {
        seq: u64,
        #[source]
        source: serde_json::Error,
    },
    #[error("audit record {seq} is of the unknown kind {name:?}")]
    Event { seq: u64, name: String },
    #[error("the line is not an exported audit record")]
    Line,
}

impl Record {
    /// The record that follows `head`.
    #[must_use]
    pub fn next(head: &Head, event: &Event) -> Self {
        let seq = head.seq.saturating_add(1);
        let body = canonical(seq, &head.hash, event);
        Self { seq, hash: Hash::of_record(&head.hash, &body), body }
    }

    /// The chain's end when this is its last record.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// # Errors
    /// When the body is damaged or its kind is unknown here. That it belongs to the chain is [`crate::verify`]'s to say.
    pub fn event(&self) -> Result<Event, RecordError> {
        let Body { at, detail, event, host, request, serial, user, .. } = self.parse()?;
        match event.parse() {
            Ok(name) => Ok(Event { at, name, request, user, serial, host, detail }),
            Err(_) => Err(RecordError::Event { seq: self.seq, name: event }),
        }
    }

    pub(crate) fn parse(&self) -> Result<Body, RecordError> {
        serde_json::from_str(&self.body).map_err(|source| RecordError::Body { seq: self.seq, source })
    }

    /// One flat JSON object on one line: the members of the body, then `hash`.
    ///
    /// The body's bytes stand in it untouched, so [`Record::from_export_line`] finds them again and a file of these
    /// lines can be verified far from the CA. A body that is damaged is carried as text in `damaged`: an export goes
    /// on past it and hides nothing.
    #[must_use]
    pub fn export_line(&self) -> String {
        match (self.parse(), self.body.strip_suffix('}')) {
            (Ok(_), Some(open)) => format!("{open}{HASH_MEMBER}{}{END}", self.hash),
            _ => serde_json::json!({
                "at": null, "damaged": self.body, "event": null, "hash": self.hash,
                "request": null, "seq": self.seq, "serial": null, "user": null,
            })
            .to_string(),
        }
    }

    /// # Errors
    /// When the line was not made by [`Record::export_line`]; whether its content is right is [`crate::verify`]'s to say.
    pub fn from_export_line(line: &str) -> Result<Self, RecordError> {
        let (open, hash) = line
            .trim_end_matches(['\n', '\r'])
            .strip_suffix(END)
            .and_then(|rest| rest.rsplit_once(HASH_MEMBER))
            .ok_or(RecordError::Line)?;
        let hash = hash.parse().map_err(|_| RecordError::Line)?;
        let body = format!("{open}}}");
        let seq = serde_json::from_str::<Body>(&body).map_err(|_| RecordError::Line)?.seq;
        Ok(Self { seq, body, hash })
    }
}

const HASH_MEMBER: &str = ",\"hash\":\"";
const END: &str = "\"}";

/// As it is written: the members in alphabetical order, whichever map `serde_json` is built with.
#[derive(Serialize)]
struct Written<'a> {
    at: &'a Timestamp,
    detail: SortedMap<'a>,
    event: &'a str,
    host: Option<&'a HostId>,
    prev: &'a Hash,
    request: Option<&'a RequestId>,
    seq: u64,
    serial: Option<&'a Serial>,
    user: Option<&'a UserId>,
}

fn canonical(seq: u64, prev: &Hash, event: &Event) -> String {
    let body = Written {
        at: &event.at,
        detail: SortedMap(&event.detail),
        event: event.name.as_str(),
        host: event.host.as_ref(),
        prev,
        request: event.request.as_ref(),
        seq,
        serial: event.serial.as_ref(),
        user: event.user.as_ref(),
    };
    // Strings, numbers and maps with text for keys: there is nothing that JSON could not say.
    serde_json::to_string(&body).unwrap_or_default()
}

struct SortedMap<'a>(&'a Map<String, Value>);

impl Serialize for SortedMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members: Vec<(&String, &Value)> = self.0.iter().collect();
        members.sort_unstable_by_key(|(key, _)| *key);
        serializer.collect_map(members.into_iter().map(|(key, value)| (key, Sorted(value))))
    }
}

struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            Value::Object(map) => SortedMap(map).serialize(serializer),
            plain => plain.serialize(serializer),
        }
    }
}
