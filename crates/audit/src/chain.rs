use crate::{Hash, Head, Record};

/// The first record at which a chain does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("audit record {seq}: {fault}")]
pub struct Broken {
    pub seq: u64,
    pub fault: Fault,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("its hash is not that of its body: one of them was altered")]
    Altered,
    #[error("record {expected} was to come here: records are missing, doubled or out of order")]
    Gap { expected: u64 },
    #[error("it names another record before it than the one that is there")]
    Previous,
    #[error("its body is numbered {found}")]
    Renumbered { found: u64 },
    #[error("its body does not read")]
    Unreadable,
}

/// Folds `records`, which follow `from` in order, and gives the head that they lead to.
///
/// A chain that was cut at its end, or written anew from some point on, folds well: compare the result with a head
/// that was signed and kept elsewhere.
///
/// # Errors
/// [`Broken`] names the first record that does not follow.
pub fn verify(from: Head, records: impl IntoIterator<Item = Record>) -> Result<Head, Broken> {
    records.into_iter().try_fold(from, |head, record| match follow(&head, &record) {
        Ok(()) => Ok(record.head()),
        Err(fault) => Err(Broken { seq: record.seq, fault }),
    })
}

fn follow(head: &Head, record: &Record) -> Result<(), Fault> {
    let expected = head.seq.saturating_add(1);
    if record.seq != expected {
        return Err(Fault::Gap { expected });
    }
    let body = record.parse().map_err(|_| Fault::Unreadable)?;
    if body.seq != record.seq {
        return Err(Fault::Renumbered { found: body.seq });
    }
    if body.prev != head.hash {
        return Err(Fault::Previous);
    }
    if Hash::of_record(&head.hash, &record.body) != record.hash {
        return Err(Fault::Altered);
    }
    Ok(())
}
