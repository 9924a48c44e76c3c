//! How administrators' commands reach the CA: the running server's socket, or, while it is stopped, a server for the
//! length of the command. Both ways are the same requests.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use sallyport_client::{AdminClient, ClientError};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::load_config;
use super::start::{Ownership, start};
use crate::config::{Config, Surface};
use crate::http::router;
use crate::serve::{Limits, bind_socket};

/// Another command may hold the store for a moment; a server that starts or stops, a little longer.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);

/// Runs `work` with a client of this CA.
pub(super) async fn with_admin<T, F>(path: &Path, work: impl FnOnce(AdminClient) -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let config = load_config(path)?;
    let socket = config.socket_path();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        if let Some(ownership) = Ownership::take(&config)? {
            return alone(config, &ownership, work).await;
        }
        if UnixStream::connect(&socket).await.is_ok() {
            return Ok(work(AdminClient::over_socket(&socket)?).await?);
        }
        tokio::time::sleep(STEP).await;
    }
    bail!(
        "the server has the store open but does not answer on {}\n  run: sallyport-ca check",
        socket.display()
    )
}

async fn alone<T, F>(
    config: Config,
    ownership: &Ownership,
    work: impl FnOnce(AdminClient) -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let socket = config.socket_path();
    let app = start(config, ownership).await?;
    let (stopper, stop) = watch::channel(false);
    let routes = router(&app, &[Surface::Admin].into(), &[]);
    let bound = bind_socket(&socket, Limits::SOCKET)
        .with_context(|| format!("{} cannot be made", socket.display()))?;
    let server = tokio::spawn(bound.serve(routes, stop));
    let result = work(AdminClient::over_socket(&socket)?).await;
    // The server hears the switch or is gone already.
    let _ = stopper.send(true);
    server.await?;
    Ok(result?)
}
