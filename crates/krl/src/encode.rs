use sallyport_domain::Serial;
use ssh_encoding::Encode;

use crate::format::{FORMAT_VERSION, MAGIC, SECTION_CERTIFICATES, SERIAL_LIST, SERIAL_RANGE};
use crate::{Krl, KrlError};

/// A range takes 21 bytes, a number in the list 8.
const SHORTEST_RANGE: u64 = 3;

impl Krl {
    /// The list as sshd's `RevokedKeys` reads it.
    ///
    /// # Errors
    /// [`KrlError::Damaged`] when the CA key has no encoding.
    pub fn encode(&self) -> Result<Vec<u8>, KrlError> {
        self.write().map_err(|_| KrlError::Damaged("CA key"))
    }

    fn write(&self) -> Result<Vec<u8>, ssh_encoding::Error> {
        let generated_at = u64::try_from(self.generated_at.as_second())?;
        let mut out = MAGIC.to_vec();
        FORMAT_VERSION.encode(&mut out)?;
        self.version.value().encode(&mut out)?;
        generated_at.encode(&mut out)?;
        0_u64.encode(&mut out)?; // flags
        "".encode(&mut out)?; // reserved
        "".encode(&mut out)?; // comment
        // Written for an empty list too: the list says whose certificates it speaks of.
        section(SECTION_CERTIFICATES, &self.certificates()?, &mut out)?;
        Ok(out)
    }

    fn certificates(&self) -> Result<Vec<u8>, ssh_encoding::Error> {
        let mut out = Vec::new();
        self.ca.key_data().encode_prefixed(&mut out)?;
        "".encode(&mut out)?; // reserved
        let mut list = Vec::new();
        for run in runs(self.serials.iter().copied()) {
            if run.last - run.first >= SHORTEST_RANGE - 1 {
                let bounds = [run.first.to_be_bytes(), run.last.to_be_bytes()].concat();
                section(SERIAL_RANGE, &bounds, &mut out)?;
            } else {
                (run.first..=run.last).for_each(|serial| list.extend_from_slice(&serial.to_be_bytes()));
            }
        }
        if !list.is_empty() {
            section(SERIAL_LIST, &list, &mut out)?;
        }
        Ok(out)
    }
}

fn section(kind: u8, content: &[u8], out: &mut Vec<u8>) -> Result<(), ssh_encoding::Error> {
    kind.encode(out)?;
    content.encode(out)
}

/// Numbers without a gap; both ends are inside.
struct Run {
    first: u64,
    last: u64,
}

/// Joins ascending serials.
fn runs(serials: impl Iterator<Item = Serial>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for serial in serials.map(Serial::value) {
        match runs.last_mut() {
            Some(run) if run.last.checked_add(1) == Some(serial) => run.last = serial,
            _ => runs.push(Run { first: serial, last: serial }),
        }
    }
    runs
}
