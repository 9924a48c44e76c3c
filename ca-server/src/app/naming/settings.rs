//! The rule, the ranges and the expression in force.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sallyport_domain::{NameRefusal, PosixName};
use sallyport_store::{ExpressionRow, ReadTx, StoreError, WriteTx};

use super::apply::Journal;
use super::waiting::Waiting;
use super::{Attributes, Mapping};
use crate::app::{App, AppError};
use crate::config::NamesSection;

/// What names are made by. The expression in force stands in the store: the file's counts until the first person
/// arrives, and afterwards only when it is applied.
pub struct Naming {
    config: NamesSection,
    /// The last expression that was compiled.
    compiled: Mutex<Option<Arc<Mapping>>>,
    waiting: Waiting,
    journal: Journal,
}

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Naming").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What to do when the file's expression and the one in force differ.
pub const APPLY_REMEDY: &str = "see what the file's would change: sallyport-ca names preview --expression '…'; put it in \
    force: sallyport-ca names apply; or write the one in force into the file";

impl App {
    /// The expression in force, where it is another than the configuration file's.
    pub async fn other_expression(&self) -> Result<Option<String>, AppError> {
        let naming = Arc::clone(self.naming());
        self.store().read(move |tx| Ok::<_, AppError>(naming.other_in_force(tx)?)).await
    }
}

/// What a person would be called, and where that comes from.
pub type Proposal = Result<PosixName, Unnamed>;

/// Why somebody gets no name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unnamed {
    /// The expression gives nothing.
    Empty,
    /// The expression fails on these attributes.
    Failed(String),
    Refused(NameRefusal),
}

impl Unnamed {
    pub const fn is_reserved(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_reserved())
    }
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the expression gives nothing; the directory has to send the attributes that it reads, or give a name by hand",
            ),
            Self::Failed(why) => write!(f, "the expression fails: {why}"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl Naming {
    pub fn new(config: NamesSection) -> Self {
        Self { config, compiled: Mutex::new(None), waiting: Waiting::default(), journal: Journal::default() }
    }

    pub const fn config(&self) -> &NamesSection {
        &self.config
    }

    /// Whoever is to be judged again.
    pub const fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub(super) const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The expression in force.
    pub fn active(&self, tx: &(impl ReadTx + ?Sized)) -> Result<Arc<Mapping>, StoreError> {
        let Some(row) = tx.expression()? else { return Ok(Arc::clone(&self.config.expression)) };
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.as_ref().filter(|known| known.source() == row.expression) {
            return Ok(Arc::clone(known));
        }
        let mapping = Arc::new(Mapping::parse_in_force(&row.expression).map_err(|_| {
            StoreError::Inconsistent { table: "expression", column: "expression", row: "0".to_owned() }
        })?);
        *compiled = Some(Arc::clone(&mapping));
        Ok(mapping)
    }

    /// The expression in force, where it is another than the configuration file's.
    pub fn other_in_force(&self, tx: &(impl ReadTx + ?Sized)) -> Result<Option<String>, StoreError> {
        let ours = self.config.expression.source();
        Ok(tx.expression()?.map(|row| row.expression).filter(|in_force| in_force != ours))
    }

    /// The expression in force, written down with the first person.
    pub fn settled(&self, tx: &mut dyn WriteTx, now: jiff::Timestamp) -> Result<Arc<Mapping>, StoreError> {
        if tx.expression()?.is_none() {
            let expression = self.config.expression.source().to_owned();
            tx.set_expression(&ExpressionRow { expression, applied_at: now })?;
        }
        self.active(tx)
    }

    /// What the expression makes of somebody, unless the directory itself wants a name for them.
    pub fn propose(&self, mapping: &Mapping, wanted: Option<&str>, attributes: Attributes<'_>) -> Proposal {
        if let Some(name) = wanted {
            return self.config.rule.check(name).map_err(Unnamed::Refused);
        }
        match mapping.name(attributes) {
            Err(why) => Err(Unnamed::Failed(why)),
            Ok(None) => Err(Unnamed::Empty),
            Ok(Some(text)) => self.config.rule.check(&text).map_err(Unnamed::Refused),
        }
    }
}
