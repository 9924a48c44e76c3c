use std::path::Path;

use sallyport_protocol::admin::{AddConnection, ConnectionView, SetConnection};

use super::backend::with_admin;
use super::table;
use crate::cli::{Connection, Format, OffOn};

pub(super) async fn run(config: &Path, asked: Connection) -> anyhow::Result<()> {
    match asked {
        Connection::Add { name, tenant } => {
            let ask = AddConnection { name, tenant };
            let added = with_admin(config, |admin| async move { admin.add_connection(&ask).await }).await?;
            eprintln!("run: sallyport-ca scim-token create --connection {}", added.name);
            Ok(())
        }
        Connection::List(output) => {
            let all = with_admin(config, |admin| async move { admin.connections().await }).await?;
            print(output.format, &all)
        }
        Connection::Set { name, link_by_upn, network, any_network, scope, everybody } => {
            let ask = SetConnection {
                link_by_upn: link_by_upn.map(|switch| matches!(switch, OffOn::On)),
                networks: (any_network || !network.is_empty()).then_some(network),
                scope: (everybody || !scope.is_empty()).then_some(scope),
            };
            let set = with_admin(config, |admin| async move { admin.set_connection(&name, &ask).await });
            print(Format::Text, &[set.await?])
        }
        Connection::Remove { name } => {
            with_admin(config, |admin| async move { admin.remove_connection(&name).await }).await
        }
    }
}

fn print(format: Format, connections: &[ConnectionView]) -> anyhow::Result<()> {
    table::print(
        format,
        connections,
        ["name", "tenant", "users", "groups", "last request", "networks", "scope", "link by upn"],
        |connection| {
            [
                connection.name.to_string(),
                connection.tenant.to_string(),
                connection.users.to_string(),
                connection.groups.to_string(),
                connection.last_request_at.map(|at| at.to_string()).unwrap_or_default(),
                texts(&connection.networks),
                texts(&connection.scope),
                if connection.link_by_upn { "on" } else { "off" }.to_owned(),
            ]
        },
        "no connections",
    )
}

fn texts<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
