use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Extension;
use axum::http::uri::Scheme;
use sallyport_client::SystemClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::load_config;
use super::start::{Ownership, start};
use crate::app::{APPLY_REMEDY, SharedClock};
use crate::config::{Surface, Tls};
use crate::http::router;
use crate::jobs;
use crate::serve::{Limits, bind, bind_socket, check_tls};

pub(super) async fn run(path: &Path) -> anyhow::Result<()> {
    let config = load_config(path)?;
    for listen in &config.listen {
        let checked = check_tls(listen, &config.tls_path(), SharedClock(Arc::new(SystemClock)));
        checked.with_context(|| format!("TLS on {} cannot be set up", listen.address))?;
    }
    let Some(ownership) = Ownership::take(&config)? else {
        bail!(
            "another sallyport-ca has this store open; stop it first, or use `sallyport-ca admin …`, which talks to it"
        );
    };
    let app = start(config.clone(), &ownership).await?;
    if let Some(in_force) = app.other_expression().await? {
        tracing::warn!(
            %in_force,
            in_the_file = config.names.expression.source(),
            "names.expression was changed in the file, and does nothing there; {APPLY_REMEDY}"
        );
    }
    let (stopper, stop) = watch::channel(false);
    let mut running = tokio::task::JoinSet::new();
    for listen in &config.listen {
        let bound = bind(listen, &config.tls_path(), app.clock(), Limits::NETWORK).await?;
        eprintln!("listening on {}", bound.url());
        let scheme = if bound.listen.tls == Tls::Plain { Scheme::HTTP } else { Scheme::HTTPS };
        let routes = router(&app, &bound.listen.surfaces, &bound.listen.proxies).layer(Extension(scheme));
        running.spawn(bound.serve(routes, stop.clone()));
    }
    let admin = router(&app, &[Surface::Admin].into(), &[]);
    let socket = config.socket_path();
    let socket = bind_socket(&socket, Limits::SOCKET)
        .with_context(|| format!("{} cannot be made", socket.display()))?;
    running.spawn(socket.serve(admin, stop.clone()));
    running.spawn(jobs::run(app.clone(), stop));
    app.note_start().await?;
    eprintln!("ready: {}", app.keys().fingerprint());
    wait_for_signal().await?;
    eprintln!("stopping");
    // Everybody listens on the same switch; those who are gone need no word.
    let _ = stopper.send(true);
    while running.join_next().await.is_some() {}
    Ok(())
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be watched")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}
