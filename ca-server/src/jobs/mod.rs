//! What happens without being asked.

use std::time::Duration;

use tokio::sync::watch;

use crate::app::{App, Watch};
use crate::log::Chain;
use crate::serve::stopped;

/// How often the jobs look whether something is due.
const STEP: Duration = Duration::from_secs(30);

/// Until `stop` turns true: keeps the issuer's keys fresh, and forgets what cannot be repeated any more.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut watch = Watch::default();
    settle_groups(&app).await;
    if let Err(error) = app.judge_refused().await {
        tracing::warn!(error = %Chain(&error), "refused names could not be judged again");
    }
    loop {
        // First: until it is done, each revocation list costs the store a look at everybody who has yet to have their turn.
        settle_groups(&app).await;
        if let Err(error) = app.watch(&mut watch).await {
            tracing::warn!(error = %Chain(&error), "credentials and directories could not be looked at");
        }
        if let Err(error) = app.issuer().refresh_if_due(app.now()).await {
            tracing::warn!(error = %Chain(&error), "the issuer's keys could not be fetched; logins may be refused");
        }
        if let Err(error) = app.forget_old_tokens().await {
            tracing::warn!(error = %Chain(&error), "old token uses could not be forgotten");
        }
        if let Err(error) = app.forget_access_tokens().await {
            tracing::warn!(error = %Chain(&error), "old access tokens could not be forgotten");
        }
        if let Err(error) = app.forget_old_provisioning().await {
            tracing::warn!(error = %Chain(&error), "the provisioning log could not be shortened");
        }
        app.write_failures().await;
        if let Err(error) = app.write_turned_away().await {
            tracing::warn!(error = %Chain(&error), "refused credentials could not be written to the provisioning log");
        }
        if let Err(error) = app.tell_links().await {
            tracing::warn!(error = %Chain(&error), "the audit chain could not be told of old links; it is tried again");
        }
        if let Err(error) = app.settle_scopes().await {
            tracing::warn!(error = %Chain(&error), "a changed scope could not be carried out; it is tried again");
        }
        if let Err(error) = app.judge_waiting().await {
            tracing::warn!(error = %Chain(&error), "people who wait for a name could not be judged again");
        }
        tokio::select! {
            () = tokio::time::sleep(STEP) => {}
            () = app.somebody_waits() => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn settle_groups(app: &App) {
    if let Err(error) = app.settle_groups().await {
        tracing::warn!(error = %Chain(&error), "a grant that came or went could not be carried out; it is tried again");
    }
}
