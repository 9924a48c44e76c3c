use std::collections::BTreeSet;

use jiff::Timestamp;
use sallyport_domain::{Generation, Serial};
use ssh_key::PublicKey;

use crate::format::{FORMAT_VERSION, MAGIC, SECTION_CERTIFICATES, SERIAL_LIST, SERIAL_RANGE};
use crate::{Krl, KrlError, LARGEST, MOST_SERIALS};

impl Krl {
    /// Reads a list of the kind that [`Krl::encode`] writes: every section must be understood, or the list is refused.
    ///
    /// # Errors
    /// [`KrlError`]
    pub fn decode(bytes: &[u8]) -> Result<Self, KrlError> {
        if bytes.len() > LARGEST {
            return Err(KrlError::TooLarge);
        }
        let mut cursor = Cursor(bytes);
        if cursor.array("magic")? != *MAGIC {
            return Err(KrlError::Damaged("it does not begin as a revocation list"));
        }
        if cursor.array("format")? != FORMAT_VERSION.to_be_bytes() {
            return Err(KrlError::Damaged("it is of another format version"));
        }
        let version = Generation::new(cursor.u64("version")?);
        let generated_at = time(cursor.u64("time")?)?;
        cursor.u64("flags")?;
        cursor.string("reserved")?;
        cursor.string("comment")?;
        let (ca, serials) = cursor.certificates()?;
        cursor.end()?;
        Self::new(version, generated_at, &ca, serials)
    }
}

fn time(second: u64) -> Result<Timestamp, KrlError> {
    let second = i64::try_from(second).map_err(|_| KrlError::Damaged("time"))?;
    Timestamp::from_second(second).map_err(|_| KrlError::Damaged("time"))
}

/// The one section there is.
impl Cursor<'_> {
    fn certificates(&mut self) -> Result<(PublicKey, BTreeSet<Serial>), KrlError> {
        let [kind] = self.array("section")?;
        if kind != SECTION_CERTIFICATES {
            return Err(KrlError::Unsupported(kind));
        }
        let mut section = Cursor(self.string("section")?);
        let ca = section.string("CA key")?;
        let ca = PublicKey::from_bytes(ca).map_err(|_| KrlError::Damaged("CA key"))?;
        section.string("reserved")?;
        let mut serials = BTreeSet::new();
        while !section.0.is_empty() {
            let [kind] = section.array("section")?;
            let content = Cursor(section.string("section")?);
            match kind {
                SERIAL_LIST => content.list(&mut serials)?,
                SERIAL_RANGE => content.range(&mut serials)?,
                other => return Err(KrlError::Unsupported(other)),
            }
        }
        Ok((ca, serials))
    }

    fn list(mut self, serials: &mut BTreeSet<Serial>) -> Result<(), KrlError> {
        while !self.0.is_empty() {
            add(self.u64("serial")?, serials)?;
        }
        Ok(())
    }

    /// Sixteen bytes can name more serials than there is memory, so they are counted before they are written out.
    fn range(mut self, serials: &mut BTreeSet<Serial>) -> Result<(), KrlError> {
        let (first, last) = (self.u64("serial")?, self.u64("serial")?);
        self.end()?;
        if first > last || first == 0 {
            return Err(KrlError::Damaged("a range begins with 0 or after its end"));
        }
        let room = MOST_SERIALS.saturating_sub(serials.len());
        if usize::try_from(last - first).is_ok_and(|more| more < room) {
            serials.extend((first..=last).filter_map(Serial::new));
            Ok(())
        } else {
            Err(KrlError::TooMany)
        }
    }
}

fn add(serial: u64, serials: &mut BTreeSet<Serial>) -> Result<(), KrlError> {
    serials.insert(Serial::new(serial).ok_or(KrlError::Damaged("serial 0"))?);
    if serials.len() > MOST_SERIALS { Err(KrlError::TooMany) } else { Ok(()) }
}

/// Reads RFC 4251, section 5, from a slice without copying. Each read names what it wants, for the error.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], KrlError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(KrlError::Damaged(what))?;
        self.0 = tail;
        Ok(*head)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, KrlError> {
        self.array(what).map(u64::from_be_bytes)
    }

    fn string(&mut self, what: &'static str) -> Result<&'a [u8], KrlError> {
        let length = u32::from_be_bytes(self.array(what)?);
        let length = usize::try_from(length).map_err(|_| KrlError::Damaged(what))?;
        let (head, tail) = self.0.split_at_checked(length).ok_or(KrlError::Damaged(what))?;
        self.0 = tail;
        Ok(head)
    }

    fn end(&self) -> Result<(), KrlError> {
        if self.0.is_empty() { Ok(()) } else { Err(KrlError::Damaged("something follows its end")) }
    }
}
