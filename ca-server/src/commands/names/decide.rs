use std::path::Path;

use sallyport_domain::{HostPattern, PosixName};
use sallyport_protocol::names::{
    AdoptAccount, ApproveNames, AssignName, NameChange, NameIssue, NameOf, ReleaseName, ReleasedName,
};

use crate::cli::{Format, Output};
use crate::commands::backend::with_admin;
use crate::commands::table;

pub(super) async fn list(config: &Path, reserved: bool, output: Output) -> anyhow::Result<()> {
    let issues = with_admin(config, |admin| async move {
        if reserved { admin.reserved_names().await } else { admin.name_issues().await }
    });
    let none = if reserved {
        "no name is reserved for somebody who does not use it"
    } else {
        "nothing waits for a decision"
    };
    table::print(
        output.format,
        &issues.await?,
        ["kind", "user name", "current", "proposed", "uid", "with", "detail", "user"],
        |issue: &NameIssue| {
            [
                issue.kind.as_str().to_owned(),
                issue.user_name.clone(),
                issue.current.clone().unwrap_or_default(),
                issue.proposed.clone().unwrap_or_default(),
                issue.uid.map(|uid| uid.to_string()).unwrap_or_default(),
                issue.with.join(" "),
                issue.detail.replace('\n', " "),
                issue.user.clone(),
            ]
        },
        none,
    )
}

pub(super) async fn approve(
    config: &Path,
    user: Option<String>,
    expected: Option<String>,
    output: Output,
) -> anyhow::Result<()> {
    let ask = ApproveNames { user, expected };
    let done = with_admin(config, |admin| async move { admin.approve_names(&ask).await }).await?;
    print_changes(output.format, &done)
}

pub(super) async fn keep(config: &Path, user: String, output: Output) -> anyhow::Result<()> {
    let ask = NameOf { user };
    let done = with_admin(config, |admin| async move { admin.keep_name(&ask).await }).await?;
    print_changes(output.format, &[done])
}

pub(super) async fn assign(config: &Path, user: String, name: String, output: Output) -> anyhow::Result<()> {
    let ask = AssignName { user, name };
    let done = with_admin(config, |admin| async move { admin.assign_name(&ask).await }).await?;
    print_changes(output.format, &[done])
}

fn print_changes(format: Format, changes: &[NameChange]) -> anyhow::Result<()> {
    table::print(
        format,
        changes,
        ["user name", "from", "to", "user"],
        |change| {
            let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
            [change.user_name.clone(), or_none(&change.from), or_none(&change.to), change.user.clone()]
        },
        "nothing was to be approved",
    )
}

pub(super) async fn release(
    config: &Path,
    name: String,
    confirm: Option<String>,
    output: Output,
) -> anyhow::Result<()> {
    let ask = ReleaseName { name, confirm };
    let done = with_admin(config, |admin| async move { admin.release_name(&ask).await }).await?;
    let ReleasedName { name, user_name, confirm, confirm_until, freed, next, .. } = &done;
    if output.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&done)?);
    } else if *freed {
        println!("{name} is free: it may be somebody else's from now on");
    } else {
        println!("{name} was the name of {user_name}");
    }
    if let (Some(word), Some(until)) = (confirm, confirm_until) {
        eprintln!("whoever gets it next finds the files of {user_name} under it where hosts still have them");
        if let Some(next) = next {
            eprintln!("freed, it is the name of {next} at once, who waits for it");
        }
        eprintln!("  until {until}, to free it: sallyport-ca names release {name} --confirm {word}");
    }
    Ok(())
}

pub(super) async fn adopt(
    config: &Path,
    local: PosixName,
    user: String,
    hosts: HostPattern,
    remove: bool,
) -> anyhow::Result<()> {
    let ask = AdoptAccount { user, local, hosts };
    if remove {
        return with_admin(config, |admin| async move { admin.disown_account(&ask).await }).await;
    }
    let done = with_admin(config, |admin| async move { admin.adopt_account(&ask).await }).await?;
    eprintln!("on {} the account {} is {}'s", done.hosts, done.local, done.user_name);
    Ok(())
}

pub(super) async fn adoptions(config: &Path, output: Output) -> anyhow::Result<()> {
    let all = with_admin(config, |admin| async move { admin.adoptions().await }).await?;
    table::print(
        output.format,
        &all,
        ["account", "hosts", "user name", "since", "user"],
        |row| {
            [
                row.local.to_string(),
                row.hosts.to_string(),
                row.user_name.clone(),
                row.created_at.to_string(),
                row.user.clone(),
            ]
        },
        "no local account was given to anybody",
    )
}

pub(super) async fn groups(config: &Path, output: Output) -> anyhow::Result<()> {
    let all = with_admin(config, |admin| async move { admin.posix_groups().await }).await?;
    table::print(
        output.format,
        &all,
        ["name", "gid", "since", "grants"],
        |row| {
            let grants: Vec<String> = row.grants.iter().map(ToString::to_string).collect();
            [row.name.to_string(), row.gid.to_string(), row.created_at.to_string(), grants.join(" ")]
        },
        "hosts get no POSIX group from here\n  run: sallyport-ca admin grant add --group GROUP --tag KEY=VALUE --posix-group NAME",
    )
}
