//! `sallyport-ca names …`: the mapping of people to account names.

mod csv;
mod decide;
mod eval;
mod json;
mod preview;

use std::path::Path;

use crate::cli::Names;

pub(super) async fn run(config: &Path, asked: Names) -> anyhow::Result<()> {
    match asked {
        Names::Adopt { local, user, host, remove } => decide::adopt(config, local, user, host, remove).await,
        Names::Adoptions(output) => decide::adoptions(config, output).await,
        Names::Apply { expression, output } => preview::apply(config, expression, output).await,
        Names::Approve { user, name, output, .. } => decide::approve(config, user, name, output).await,
        Names::Assign { user, name, output } => decide::assign(config, user, name, output).await,
        Names::Eval(asked) => eval::run(&asked),
        Names::Groups(output) => decide::groups(config, output).await,
        Names::Keep { user, output } => decide::keep(config, user, output).await,
        Names::List { reserved, output } => decide::list(config, reserved, output).await,
        Names::Preview(asked) => preview::run(config, asked).await,
        Names::Release { name, confirm, output } => decide::release(config, name, confirm, output).await,
    }
}
