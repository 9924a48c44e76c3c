//! `sallyport-ca names …`: the mapping of people to account names.

mod eval;

use crate::cli::Names;

pub(super) fn run(asked: Names) -> anyhow::Result<()> {
    match asked {
        Names::Eval(asked) => eval::run(&asked),
    }
}
