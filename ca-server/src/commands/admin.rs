use std::path::Path;

use sallyport_domain::{PosixName, Tags};
use sallyport_protocol::admin::{AddGrant, GrantView};

use super::backend::with_admin;
use super::table;
use crate::cli::{Admin, Format, Grant, Host, List, Output};

pub(super) async fn run(config: &Path, asked: Admin) -> anyhow::Result<()> {
    match asked {
        Admin::Directory(asked) => super::directory::run(config, asked).await,
        Admin::Grant(asked) => grant(config, asked).await,
        Admin::Group(List::Ls(output)) => groups(config, output).await,
        Admin::Host(Host::Ls(output)) => hosts(config, output).await,
        Admin::Host(Host::Retire { name }) => {
            with_admin(config, |admin| async move { admin.retire_host(&name).await }).await
        }
        Admin::User(List::Ls(output)) => users(config, output).await,
    }
}

async fn grant(config: &Path, asked: Grant) -> anyhow::Result<()> {
    match asked {
        Grant::Add { group, tag, sudo, posix_group, local_group, root_equivalent, output } => {
            let ask = AddGrant {
                group,
                tags: Tags::new(tag)?,
                sudo,
                posix_groups: posix_group.into_iter().collect(),
                local_groups: local_group.into_iter().collect(),
                root_equivalent,
            };
            let added = with_admin(config, |admin| async move { admin.add_grant(&ask).await }).await?;
            print_grants(output.format, &[added])
        }
        Grant::Ls(output) => {
            let grants = with_admin(config, |admin| async move { admin.grants().await }).await?;
            print_grants(output.format, &grants)
        }
        Grant::Remove { id } => {
            let id = id.parse()?;
            with_admin(config, |admin| async move { admin.remove_grant(id).await }).await
        }
    }
}

fn print_grants(format: Format, grants: &[GrantView]) -> anyhow::Result<()> {
    table::print(
        format,
        grants,
        ["id", "group", "tags", "sudo", "posix groups", "local groups"],
        |grant| {
            let sudo = if grant.sudo { "yes" } else { "no" };
            let [managed, local] = [&grant.posix_groups, &grant.local_groups]
                .map(|names| names.iter().map(PosixName::as_str).collect::<Vec<_>>().join(" "));
            let group = grant.group_name.clone();
            [grant.id.to_string(), group, grant.tags.to_string(), sudo.to_owned(), managed, local]
        },
        "no grants yet: nobody may enter anything\n  run: sallyport-ca admin grant add --group GROUP --tag KEY=VALUE",
    )
}

async fn groups(config: &Path, output: Output) -> anyhow::Result<()> {
    let groups = with_admin(config, |admin| async move { admin.groups().await }).await?;
    table::print(
        output.format,
        &groups,
        ["id", "name", "object id", "members"],
        |group| {
            let object = group.object_id.clone().unwrap_or_default();
            [group.id.to_string(), group.name.clone(), object, group.members.to_string()]
        },
        "no groups yet: Entra has not provisioned any",
    )
}

async fn hosts(config: &Path, output: Output) -> anyhow::Result<()> {
    let hosts = with_admin(config, |admin| async move { admin.hosts().await }).await?;
    table::print(
        output.format,
        &hosts,
        ["name", "state", "tags", "generation", "applied", "lease until", "problems"],
        |host| {
            let lease = host.lease_until.map(|until| until.to_string()).unwrap_or_default();
            let problems: Vec<&str> = host.problems.iter().map(|problem| problem.code.as_str()).collect();
            [
                host.name.to_string(),
                host.state.clone(),
                host.tags.to_string(),
                host.generation.to_string(),
                host.applied_generation.to_string(),
                lease,
                problems.join(" "),
            ]
        },
        "no hosts yet\n  run: sallyport-ca enroll-token create --name PATTERN --tag KEY=VALUE",
    )
}

async fn users(config: &Path, output: Output) -> anyhow::Result<()> {
    let users = with_admin(config, |admin| async move { admin.users().await }).await?;
    table::print(
        output.format,
        &users,
        ["id", "user name", "state", "posix name", "uid", "groups"],
        |user| {
            let state = match &user.reason {
                Some(reason) => format!("{} ({reason})", user.state),
                None => user.state.clone(),
            };
            [
                user.id.clone(),
                user.user_name.clone(),
                state,
                user.posix_name.clone().unwrap_or_default(),
                user.uid.map(|uid| uid.to_string()).unwrap_or_default(),
                user.groups.join(" "),
            ]
        },
        "no users yet: Entra has not provisioned any",
    )?;
    if output.format == Format::Text
        && users.iter().any(|user| user.state == "active" && user.posix_name.is_none())
    {
        eprintln!("POSIX NAME and UID are given when a grant first reaches a person.");
    }
    Ok(())
}
