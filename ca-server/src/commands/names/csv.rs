//! People out of a spreadsheet: RFC 4180, with either end of line, and the byte order mark that exports begin with.

use anyhow::{bail, ensure};
use sallyport_protocol::names::{AttributeSource, PreviewRow};
use serde_json::Value;

/// No export of people is larger; a file that is, is not one.
pub(super) const LARGEST: u64 = 256 * 1024 * 1024;

/// One a row, by the names of the header. An empty cell is an absent attribute.
pub(super) fn rows(text: &str) -> anyhow::Result<Vec<PreviewRow>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Records { rest: text, line: 1 };
    let Some((_, header)) = records.next().transpose()? else {
        bail!("the file is empty; its first line names the attributes, such as: oid,userPrincipalName");
    };
    let header: Vec<String> = header.into_iter().map(|name| name.trim().to_owned()).collect();
    for (index, name) in header.iter().enumerate() {
        ensure!(!name.is_empty(), "line 1: column {} has no name", index + 1);
        let again = header.iter().skip(index + 1).any(|other| other.eq_ignore_ascii_case(name));
        ensure!(!again, "line 1: the column {name} stands twice");
    }
    let mut rows = Vec::new();
    for record in records {
        let (line, cells) = record?;
        if cells.len() == 1 && cells.iter().all(String::is_empty) {
            continue;
        }
        ensure!(
            cells.len() == header.len(),
            "line {line}: {} cells where the header has {}",
            cells.len(),
            header.len()
        );
        let named = header.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let attributes = named.map(|(name, cell)| (name, Value::String(cell))).collect();
        rows.push(PreviewRow { line, source: AttributeSource::Flat, attributes });
    }
    Ok(rows)
}

struct Records<'a> {
    rest: &'a str,
    /// Of the next record's start, counted from 1.
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = anyhow::Result<(usize, Vec<String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let record = self.record();
        if record.is_err() {
            self.rest = "";
        }
        Some(record.map(|cells| (line, cells)))
    }
}

impl Records<'_> {
    fn record(&mut self) -> anyhow::Result<Vec<String>> {
        let mut cells = Vec::new();
        loop {
            cells.push(if self.rest.starts_with('"') { self.quoted()? } else { self.plain() });
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            self.rest = rest.strip_prefix('\n').unwrap_or(rest);
            self.line += 1;
            return Ok(cells);
        }
    }

    fn plain(&mut self) -> String {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(end);
        self.rest = rest;
        cell.strip_suffix('\r').unwrap_or(cell).to_owned()
    }

    fn quoted(&mut self) -> anyhow::Result<String> {
        let mut cell = String::new();
        let mut rest = self.rest.strip_prefix('"').unwrap_or_default();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                bail!("line {}: a quoted cell has no end", self.line);
            };
            cell.push_str(part);
            rest = after;
            let Some(after) = after.strip_prefix('"') else { break };
            cell.push('"');
            rest = after;
        }
        ensure!(
            rest.is_empty() || rest.starts_with([',', '\r', '\n']),
            "line {}: text after a quoted cell",
            self.line
        );
        self.line += cell.matches('\n').count();
        self.rest = rest;
        Ok(cell)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn an_export_reads_as_it_was_meant() {
        let text = "\u{feff}oid,userPrincipalName,displayName\r\no1,a@x.test,\"Lind, \"\"M\"\"\nara\"\r\n\r\no2,b@x.test,\n";
        let rows = rows(text).unwrap();
        let wanted = json!([
            { "line": 2, "source": "flat", "attributes":
                { "oid": "o1", "userPrincipalName": "a@x.test", "displayName": "Lind, \"M\"\nara" } },
            { "line": 5, "source": "flat", "attributes": { "oid": "o2", "userPrincipalName": "b@x.test" } },
        ]);
        assert_eq!(json!(rows), wanted);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, part) in [
            ("", "empty"),
            ("a,,b\n", "column 2"),
            ("a,A\n", "twice"),
            ("a,b\n1\n", "line 2"),
            ("a,b\n\"1\n2\",3\n4\n", "line 4"),
            ("a\n\"x\n", "no end"),
            ("a\n\"x\"y\n", "after a quoted"),
        ] {
            let error = rows(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_cell_comes_back(cells in prop::collection::vec("\\PC{0,8}|[\"\r\n,x]{0,6}", 1..4)) {
            let names: Vec<String> = (0..cells.len()).map(|index| format!("c{index}")).collect();
            let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let text = format!("{}\n{}\n", names.join(","), quoted.join(","));
            let rows = rows(&text).unwrap();
            let wanted: Map<String, Value> = names.into_iter().zip(cells).filter(|(_, cell)| !cell.is_empty())
                .map(|(name, cell)| (name, Value::String(cell))).collect();
            match rows.first() {
                Some(row) => prop_assert_eq!(&row.attributes, &wanted),
                None => prop_assert!(wanted.is_empty()),
            }
        }

        #[test]
        fn no_text_is_a_panic(text in "[\"\r\n,ax]{0,40}") {
            let _ = rows(&text);
        }
    }
}
