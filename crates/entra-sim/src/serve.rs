//! Accepts connections, in plain or over TLS, and routes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::core::Core;
use crate::{authorize, control, device, discovery, token};

/// Sign-in forms and token requests are a few kilobytes at most.
const BODY_LIMIT: usize = 64 * 1024;
const CONNECTIONS: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// After a failed accept (out of file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
}

pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, core: Arc<Core>) {
    let router = router(core);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    // Connections die with this task, so a dropped simulator answers no more.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, remote)) => {
                let (router, tls) = (router.clone(), tls.clone());
                connections.spawn(async move {
                    connection(stream, remote, tls, router).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, remote: SocketAddr, tls: Option<TlsAcceptor>, router: Router) {
    let Ok(local) = stream.local_addr() else { return };
    let router = router.layer(Extension(Peer { remote, local }));
    match tls {
        None => talk(stream, router).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => talk(stream, router).await,
            Ok(Err(error)) => tracing::info!(%error, "TLS handshake failed"),
            Err(_) => tracing::info!("TLS handshake took too long"),
        },
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection ended");
    }
}

fn router(core: Arc<Core>) -> Router {
    let authorize = get(authorize::authorize).post(authorize::authorize);
    let tenant = Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::document))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/oauth2/v2.0/authorize", authorize)
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device::devicecode))
        .route("/{tenant}/oauth2/v2.0/logout", get(authorize::logout).post(authorize::logout))
        .route("/devicelogin", get(device::devicelogin).post(device::devicelogin))
        .route("/oidc/userinfo", get(token::userinfo).post(token::userinfo))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    tenant.nest("/_sim", control::router()).layer(middleware::from_fn(log)).with_state(core)
}

/// One line a request, without its query: that may hold codes.
async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::info!(%method, path, status = response.status().as_u16(), "answered");
    response
}
