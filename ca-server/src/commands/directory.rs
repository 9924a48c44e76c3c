use std::collections::BTreeMap;
use std::path::Path;

use sallyport_domain::ResourceId;
use sallyport_protocol::admin::{DirectoryQuery, DirectoryView, ForgetView, LastChange, LinkView};

use super::backend::with_admin;
use super::table;
use crate::cli::{Directory, DirectoryCommand, Format, OneResource};

pub(super) async fn run(config: &Path, asked: DirectoryCommand) -> anyhow::Result<()> {
    match asked.what {
        None => list(config, asked.list).await,
        Some(OneResource::Forget { resource, yes, output }) => {
            forget(config, resource, yes, output.format).await
        }
        Some(OneResource::Link { resource, yes, output }) => link(config, resource, yes, output.format).await,
    }
}

/// Two steps: nothing is lost before its reader saw what.
async fn forget(config: &Path, resource: ResourceId, yes: bool, format: Format) -> anyhow::Result<()> {
    let view = with_admin(config, |admin| async move {
        if yes { admin.forget(resource).await } else { admin.forgettable(resource).await }
    })
    .await?;
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&view)?),
        Format::Text => print_lost(&view, yes),
    }
    if !yes {
        eprintln!(
            "nothing was changed\n  to forget it: sallyport-ca admin directory forget {resource} --yes"
        );
    }
    Ok(())
}

/// Two steps: nobody becomes somebody before the reader saw whom.
async fn link(config: &Path, resource: ResourceId, yes: bool, format: Format) -> anyhow::Result<()> {
    let view = with_admin(config, |admin| async move {
        if yes { admin.link(resource).await } else { admin.linkable(resource).await }
    })
    .await?;
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&view)?),
        Format::Text => print_linked(&view, yes),
    }
    if !yes {
        eprintln!("nothing was changed\n  to say so: sallyport-ca admin directory link {resource} --yes");
    }
    Ok(())
}

fn print_linked(view: &LinkView, done: bool) {
    let LinkView { resource, connection, user_name, object_id, user, was_called, .. } = view;
    let verb = if done { "is" } else { "would be" };
    println!("{user_name} ({resource}, by {connection}) {verb} person {user}, of the object id {object_id}");
    println!("  who was called {was_called} in the directory");
    let name = view.posix_name.as_deref().unwrap_or("none");
    let uid = view.uid.map_or_else(|| "none".to_owned(), |uid| uid.to_string());
    println!("  their name: {name}; their number: {uid}");
    println!("  groups: {}", listed(&view.groups));
    println!("  grants that let them in: {}", view.grants);
}

fn listed(groups: &[String]) -> String {
    if groups.is_empty() { "none".to_owned() } else { groups.join(", ") }
}

fn print_lost(view: &ForgetView, done: bool) {
    let ForgetView { resource, connection, user_name, user, state, .. } = view;
    let verb = if done { "forgotten" } else { "would be forgotten" };
    println!("{user_name} ({resource}, by {connection}) {verb}; person {user} ({state}) is gone with it");
    match (&view.posix_name, view.uid) {
        (Some(name), Some(uid)) => println!("  the name {name} and the number {uid} stay theirs"),
        (None, Some(uid)) => println!("  the number {uid} stays theirs"),
        _ => println!("  they have no name and no number"),
    }
    println!("  groups: {}", listed(&view.groups));
    println!(
        "  grants that let them in: {}; their sessions end, their certificates are revoked",
        view.grants
    );
    if view.other_claimants > 0 {
        println!(
            "  others who claim the same object id, flagged as well: {}; see: sallyport-ca admin directory --problems",
            view.other_claimants
        );
    }
}

async fn list(config: &Path, asked: Directory) -> anyhow::Result<()> {
    let Directory { connection, user, group, state, problems, skip, limit, output } = asked;
    let query =
        DirectoryQuery { connection, user, group, state, problems, skip: Some(skip), limit: Some(limit) };
    let view = with_admin(config, |admin| async move { admin.directory(&query).await }).await?;
    if output.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&view)?);
        return Ok(());
    }
    print_rows(&view)?;
    print_advice(&view);
    if view.more {
        eprintln!("there are more: --skip {} goes on", skip.saturating_add(limit));
    }
    Ok(())
}

fn print_rows(view: &DirectoryView) -> anyhow::Result<()> {
    let users = view.users.iter().map(|user| {
        let state = match &user.reason {
            Some(reason) => format!("{} ({reason})", user.state),
            None => user.state.clone(),
        };
        let changed = user.changed_at.map(|at| at.to_string());
        [
            "user".to_owned(),
            user.user_name.clone(),
            state,
            user.source.clone(),
            when(changed, user.last_change.as_ref()),
        ]
    });
    let groups = view.groups.iter().map(|group| {
        let opens = if group.grants == 0 { ", no grant" } else { "" };
        let state = format!("{} members{opens}", group.members);
        let changed = Some(group.changed_at.to_string());
        [
            "group".to_owned(),
            group.name.clone(),
            state,
            group.source.clone(),
            when(changed, group.last_change.as_ref()),
        ]
    });
    let rows: Vec<[String; 5]> = users.chain(groups).collect();
    table::print(
        Format::Text,
        &rows,
        ["kind", "name", "state", "source", "last change"],
        Clone::clone,
        "nobody and nothing fits; what Entra has not provisioned is not here",
    )
}

/// The time, and what it was as far as the provisioning log goes back.
fn when(at: Option<String>, last: Option<&LastChange>) -> String {
    let Some(last) = last else { return at.unwrap_or_default() };
    let what = if last.attributes.is_empty() { "nothing".to_owned() } else { last.attributes.join(" ") };
    let failed = if last.outcome == "failure" { ", refused" } else { "" };
    format!("{} #{} {} {}: {what}{failed}", last.at, last.number, last.operation, last.resource)
}

/// What is wrong with whole connections, and what to do about the people above: each sentence once.
fn print_advice(view: &DirectoryView) {
    for connection in &view.connections {
        if let Some(problem) = &connection.problem {
            println!("\n{}: {problem}", connection.name);
        }
    }
    let mut advice: BTreeMap<&str, usize> = BTreeMap::new();
    for text in view.users.iter().filter_map(|user| user.advice.as_deref()) {
        *advice.entry(text).or_default() += 1;
    }
    for (text, people) in advice {
        println!("\n{people} of these users: {text}");
    }
}
