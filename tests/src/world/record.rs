use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use ssh_key::PublicKey;

/// The audit's events, as they are exported.
#[derive(Clone, Debug)]
pub struct Record(Vec<Value>);

impl Record {
    #[must_use]
    pub fn new(events: Vec<Value>) -> Self {
        Self(events)
    }

    /// The lines of `audit export`.
    ///
    /// # Errors
    /// One is no JSON.
    pub fn parse(export: &str) -> Result<Self, serde_json::Error> {
        export.lines().map(serde_json::from_str).collect::<Result<_, _>>().map(Self)
    }

    #[must_use]
    pub fn events(&self) -> &[Value] {
        &self.0
    }

    /// Events of a kind.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |event| event["event"] == name)
    }

    /// Events of a kind with this member in their detail.
    #[must_use]
    pub fn with(&self, name: &str, key: &str, value: &str) -> Vec<&Value> {
        self.0.iter().filter(|event| event["event"] == name && event["detail"][key] == value).collect()
    }

    /// Serials of the certificates that were ever intended for a key: those whose recorded content holds it. For a
    /// line that is no plain key, of all that hold the line's own bytes.
    #[must_use]
    pub fn certificates_for(&self, public_key: &str) -> Vec<u64> {
        let needle = needle(public_key);
        let holds = |event: &&Value| {
            let tbs = event["detail"]["tbs"].as_str().unwrap_or_default();
            let tbs = BASE64_STANDARD.decode(tbs).unwrap_or_default();
            tbs.windows(needle.len().max(1)).any(|window| window == needle)
        };
        self.of("certificate.intended").filter(holds).filter_map(|event| event["serial"].as_u64()).collect()
    }
}

/// What a certificate of this key contains, whatever the algorithm.
fn needle(public_key: &str) -> Vec<u8> {
    let Ok(key) = public_key.parse::<PublicKey>() else {
        let blob = public_key.split(' ').nth(1).unwrap_or_default();
        return BASE64_STANDARD.decode(blob).unwrap_or_default();
    };
    match (key.key_data().ed25519(), key.key_data().rsa()) {
        (Some(key), _) => key.0.to_vec(),
        (_, Some(key)) => key.n.as_bytes().to_vec(),
        _ => Vec::new(),
    }
}
