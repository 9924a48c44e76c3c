use rusqlite::params;
use sallyport_domain::{Generation, Serial};
use sallyport_store::{Meta, MetaMut, StoreError};

use crate::cells::{Cells, FromRow};
use crate::tx::Tx;
use crate::values::whole;

/// The only row of its table.
struct Counters {
    krl_number: Generation,
    next_serial: Option<Serial>,
    links_told: bool,
}

impl FromRow for Counters {
    const TABLE: &'static str = "meta";
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let _id: i64 = cells.take("id")?;
        Ok(Self {
            krl_number: cells.take("krl_number")?,
            next_serial: cells.take("next_serial")?,
            links_told: cells.take("links_told")?,
        })
    }
}

impl Tx<'_> {
    fn counters(&self) -> Result<Counters, StoreError> {
        let row = self.one("SELECT id, krl_number, next_serial, links_told FROM meta WHERE id = 0", [])?;
        row.ok_or_else(|| StoreError::Inconsistent {
            table: Counters::TABLE,
            column: "id",
            row: "0".to_owned(),
        })
    }
}

impl Meta for Tx<'_> {
    fn krl_number(&self) -> Result<Generation, StoreError> {
        Ok(self.counters()?.krl_number)
    }

    fn next_serial(&self) -> Result<Option<Serial>, StoreError> {
        if let Some(serial) = self.known.next_serial.get() {
            return Ok(Some(serial));
        }
        let serial = self.counters()?.next_serial;
        self.known.next_serial.set(serial);
        Ok(serial)
    }

    fn links_told(&self) -> Result<bool, StoreError> {
        Ok(self.counters()?.links_told)
    }
}

impl MetaMut for Tx<'_> {
    fn set_krl_number(&mut self, number: Generation) -> Result<(), StoreError> {
        self.change("UPDATE meta SET krl_number = ?1 WHERE id = 0", params![whole(number.value())?], "")?;
        Ok(())
    }

    fn set_next_serial(&mut self, serial: Serial) -> Result<(), StoreError> {
        self.change("UPDATE meta SET next_serial = ?1 WHERE id = 0", params![whole(serial.value())?], "")?;
        self.known.next_serial.set(Some(serial));
        Ok(())
    }

    fn set_links_told(&mut self) -> Result<(), StoreError> {
        self.change("UPDATE meta SET links_told = 1 WHERE id = 0", [], "").map(drop)
    }
}
