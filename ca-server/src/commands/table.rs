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
        table.add_row(row(item).map(|cell| plain(&cell)));
    }
    for line in table.lines() {
        println!("{}", line.trim_end());
    }
    Ok(())
}

/// Names come from outside, and a terminal obeys control characters.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        let hostile = "mara\u{1b}]0;owned\u{7}\u{9b}2J\r\n@contoso.test";
        assert_eq!(plain(hostile), "mara\u{FFFD}]0;owned\u{FFFD}\u{FFFD}2J\u{FFFD}\u{FFFD}@contoso.test");
        assert_eq!(plain("Zoë → müller"), "Zoë → müller");
    }
}
