use std::path::Path;

use sallyport_protocol::admin::{ProvisioningEvent, ProvisioningQuery};
use serde_json::Value;

use super::backend::with_admin;
use super::table;
use crate::cli::Provisioning;

/// Characters of a change on one line.
const LONGEST: usize = 60;
/// Changes on one line; JSON has them all.
const MOST: usize = 4;

pub(super) async fn run(config: &Path, asked: Provisioning) -> anyhow::Result<()> {
    let Provisioning::Log { user, group, failed, after, limit, output } = asked;
    let query = ProvisioningQuery { after, before: None, limit: Some(limit), user, group, failed };
    let events = with_admin(config, |admin| async move { admin.provisioning(&query).await }).await?;
    table::print(
        output.format,
        &events,
        ["number", "at", "category", "connection", "operation", "resource", "name", "status", "what changed"],
        row,
        "nothing yet: no directory has asked for anything that fits",
    )
}

fn row(event: &ProvisioningEvent) -> [String; 9] {
    let text = |key: &str| event.detail.get(key).map(plain).unwrap_or_default();
    [
        event.seq.to_string(),
        event.at.to_string(),
        event.category.clone(),
        event.connection.clone(),
        text("operation"),
        text("resource"),
        text("name"),
        text("status"),
        what(event),
    ]
}

fn what(event: &ProvisioningEvent) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(event.detail.get("detail").map(plain));
    parts.extend(event.detail.get("person").and_then(state));
    parts.extend(event.detail.get("members").map(members).unwrap_or_default());
    let changes =
        event.detail.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    parts.extend(changes.iter().take(MOST).map(change));
    if changes.len() > MOST {
        parts.push(format!("and {} more", changes.len() - MOST));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

fn state(person: &Value) -> Option<String> {
    let text = |key: &str| person.get(key).and_then(Value::as_str);
    let state = text("state")?;
    let reason = text("reason").map(|reason| format!(" ({reason})")).unwrap_or_default();
    let was = text("was").map(|was| format!("{was} → ")).unwrap_or_default();
    Some(format!("{was}{state}{reason}"))
}

fn members(members: &Value) -> Vec<String> {
    let parts = [("added", "+"), ("removed", "−"), ("unknown", "unknown ")];
    let part = |(key, sign): (&str, &str)| {
        let names = members.get(key)?.as_array()?;
        let count = members.get(format!("{key}_count")).and_then(Value::as_u64).unwrap_or_default();
        let names: Vec<_> = names.iter().take(MOST).map(plain).collect();
        let rest = count.saturating_sub(u64::try_from(names.len()).unwrap_or(u64::MAX));
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        Some(format!("{sign}{}{rest}", names.join(" ")))
    };
    parts.into_iter().filter_map(part).collect()
}

fn change(change: &Value) -> String {
    let side = |key: &str| change.get(key).map(plain);
    let name = side("attribute").unwrap_or_default();
    let line = match (side("old"), side("new")) {
        (None, Some(new)) => format!("{name}={new}"),
        (Some(_), None) => format!("{name} removed"),
        (old, new) => format!("{name} {} → {}", old.unwrap_or_default(), new.unwrap_or_default()),
    };
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn plain(value: &Value) -> String {
    table::plain(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
