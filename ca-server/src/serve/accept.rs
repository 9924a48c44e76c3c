use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::Limits;
use super::patience::Patient;
use super::peers::Peers;
use super::repair::{Heads, repairing};
use super::tls::{TlsError, server_config};
use crate::app::SharedClock;
use crate::config::{Listen, Surface};

/// After a signal, how long running requests may go on.
const GRACE: Duration = Duration::from_secs(5);
/// After a failed accept (out of file descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of headers; the largest honest one carries a certificate.
const HEADER_BYTES: usize = 32 * 1024;

/// Whose connection a request came over: an extension of every request that came over an address.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A listener that holds its port.
#[derive(Debug)]
pub struct Bound {
    pub listen: Listen,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
}

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("cannot listen on {address}; is another server running there?")]
    Address {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("TLS on {address} cannot be set up")]
    Tls {
        address: SocketAddr,
        #[source]
        source: TlsError,
    },
}

/// # Errors
/// When the port is taken or TLS cannot be set up.
pub async fn bind(
    listen: &Listen,
    tls: &Path,
    clock: SharedClock,
    limits: Limits,
) -> Result<Bound, BindError> {
    let address = listen.address;
    let tls = server_config(listen, tls, clock).map_err(|source| BindError::Tls { address, source })?;
    let listener =
        TcpListener::bind(address).await.map_err(|source| BindError::Address { address, source })?;
    Ok(Bound { listen: listen.clone(), listener, tls, limits })
}

impl Bound {
    /// With the real port where the configuration says 0.
    pub fn url(&self) -> String {
        let address = self.listener.local_addr().unwrap_or(self.listen.address);
        format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
    }

    /// Serves until `stop` turns true.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let limits = self.limits;
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(limits.connections));
        let peers = Peers::default();
        let acceptor = self.tls.map(TlsAcceptor::from);
        let repair = self.listen.surfaces.contains(&Surface::Scim);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopped(&mut stop) => break,
            };
            let Ok((stream, address)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Some(seat) = peers.seat(address.ip(), limits.connections_of_one) else { continue };
            // Over the limit, the connection is closed at once: better than a queue nobody sees.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let router = router.clone();
            let acceptor = acceptor.clone();
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _held = (place, seat);
                // A peer that hangs up or speaks nonsense is its own problem.
                let http = Http { peer: Some(Peer(address.ip())), limits, router, watcher, repair };
                let _ = connection(stream, acceptor, http).await;
            });
        }
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}

/// The guard that `wait_for` gives may not live across an await; nobody wants it.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: then everything stops as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What a connection is served with.
struct Http {
    peer: Option<Peer>,
    limits: Limits,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    /// Whether directories ask here: not all of them write addresses as HTTP wants them.
    repair: bool,
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, http: Http) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let limits = http.limits;
    let stream = Patient::new(stream, limits);
    match acceptor {
        None => http.serve(stream).await,
        Some(acceptor) => {
            let stream = tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await??;
            http.serve(stream).await;
        }
    }
    Ok(())
}

impl Http {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { peer, limits, router, watcher, repair } = self;
        let heads = Heads::default();
        let stream = repairing(stream, heads.clone(), repair);
        // Called by hyper at the very end of a head.
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(unreadable) = heads.read(&request) {
                request.extensions_mut().insert(unreadable);
            }
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            router.clone().call(request)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        // As above: what the peer does to its connection is no event of ours.
        let _ = watcher.watch(connection).await;
    }
}

/// Who is at the administrators' socket, by the kernel's word: an extension of every request there.
#[derive(Clone, Copy, Debug)]
pub struct Administrator(pub u32);

/// The administrators' socket: mode 0600.
#[derive(Debug)]
pub struct BoundSocket {
    listener: UnixListener,
    path: PathBuf,
    limits: Limits,
}

/// # Errors
/// When the socket cannot be made: the path is over 107 bytes long, or the file system has no sockets.
pub fn bind_socket(path: &Path, limits: Limits) -> io::Result<BoundSocket> {
    // The store's lock is held: a socket that lies here is a dead server's.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(BoundSocket { listener, path: path.to_owned(), limits })
}

impl BoundSocket {
    /// Serves root and the server's own user, by the kernel's word, until `stop` turns true.
    pub async fn serve(self, router: Router, mut stop: watch::Receiver<bool>) {
        let limits = self.limits;
        let graceful = GracefulShutdown::new();
        let me = nix::unistd::geteuid().as_raw();
        let places = Arc::new(Semaphore::new(limits.connections));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopped(&mut stop) => break,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(credentials) = stream.peer_cred() else { continue };
            if credentials.uid() != 0 && credentials.uid() != me {
                continue;
            }
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let router = router.clone().layer(Extension(Administrator(credentials.uid())));
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _place = place;
                let http = Http { peer: None, limits, router, watcher, repair: false };
                http.serve(Patient::new(stream, limits)).await;
            });
        }
        // Gone with the server, or swept by the next.
        let _ = std::fs::remove_file(&self.path);
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }
}
