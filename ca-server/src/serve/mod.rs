//! From sockets to requests: TLS, limits on connections and time, orderly shutdown.

mod accept;
mod tls;

pub use accept::{bind, serve_socket, stopped};
pub use tls::{check_tls, create_root, root_pem};
