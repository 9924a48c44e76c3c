use std::collections::BTreeMap;
use std::path::Path;

use sallyport_protocol::admin::{DirectoryQuery, DirectoryView, LastChange};

use super::backend::with_admin;
use super::table;
use crate::cli::{Directory, Format};

pub(super) async fn run(config: &Path, asked: Directory) -> anyhow::Result<()> {
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
        "nobody and nothing that fits: Entra has not provisioned it",
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
