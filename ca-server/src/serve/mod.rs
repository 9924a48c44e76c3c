//! From sockets to requests: TLS, limits on connections and time, orderly shutdown.

mod accept;
mod end;
mod leaf;
mod limits;
mod patience;
mod peers;
mod repair;
mod tls;

pub use accept::{Administrator, Peer, bind, bind_socket, stopped};
pub use end::certificate_end;
pub use limits::Limits;
pub use repair::Unreadable;
pub use tls::{check_tls, create_root, root_pem};

#[cfg(test)]
mod tests;
