use rusqlite::Row;
use rusqlite::types::ValueRef;
use sallyport_store::StoreError;

use crate::values::Column;

/// A row that knows how to be read out of its table's columns, in the order in which its SELECTs name them.
pub(crate) trait FromRow: Sized {
    const TABLE: &'static str;
    fn from_row(cells: &mut Cells<'_>) -> Result<Self, StoreError>;
}

/// The cells of one row, taken from left to right. The first one names the row.
pub(crate) struct Cells<'r> {
    row: &'r Row<'r>,
    table: &'static str,
    next: usize,
}

impl<'r> Cells<'r> {
    pub(crate) fn new(row: &'r Row<'r>, table: &'static str) -> Self {
        Self { row, table, next: 0 }
    }

    /// The next cell; `column` is what the SELECT calls it.
    pub(crate) fn take<T: Column>(&mut self, column: &'static str) -> Result<T, StoreError> {
        debug_assert_eq!(
            self.row.as_ref().column_name(self.next),
            Ok(column),
            "in a SELECT from {}",
            self.table
        );
        let value = self.row.get_ref(self.next).ok();
        self.next += 1;
        value.and_then(T::from_value).ok_or_else(|| self.unreadable(column))
    }

    pub(crate) fn unreadable(&self, column: &'static str) -> StoreError {
        let row = match self.row.get_ref(0) {
            Ok(ValueRef::Integer(number)) => number.to_string(),
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => "?".to_owned(),
        };
        StoreError::Inconsistent { table: self.table, column, row }
    }
}
