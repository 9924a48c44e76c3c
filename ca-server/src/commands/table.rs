use comfy_table::presets::NOTHING;
use comfy_table::{Cell, ContentArrangement, Table};
use serde::Serialize;

use crate::cli::Format;

/// A list as text or as JSON.
pub(super) fn print<T: Serialize, const N: usize>(
    format: Format,
    items: &[T],
    head: [&str; N],
    row: impl Fn(&T) -> [String; N],
    none: &str,
) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(items)?);
        return Ok(());
    }
    if items.is_empty() {
        eprintln!("{none}");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.map(|title| Cell::new(title.to_uppercase())));
    for item in items {
        table.add_row(row(item));
    }
    for line in table.lines() {
        println!("{}", line.trim_end());
    }
    Ok(())
}
