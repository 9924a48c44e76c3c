use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use sallyport_protocol::names::{
    ApplyExpression, NamesPreview as Preview, PreviewNames, PreviewOf, PreviewOutcome, PreviewRow,
    PreviewSummary, PreviewedPerson,
};

use super::{csv, json};
use crate::app::{Mapping, Naming, preview_rows};
use crate::cli::{Format, NamesPreview, Output};
use crate::commands::backend::with_admin;
use crate::commands::table::plain;
use crate::config::NamesSection;

pub(super) async fn run(config: &Path, asked: NamesPreview) -> anyhow::Result<()> {
    let NamesPreview { expression, csv, json, connection, changes, output } = asked;
    let rows = match (csv, json) {
        (Some(file), _) => Some(csv_rows(&file)?),
        (None, Some(file)) => Some(json_rows(&file)?),
        (None, None) => None,
    };
    let preview = match rows {
        // A spreadsheet can be looked at where there is no CA yet.
        Some(rows) if !config.exists() => alone(expression.as_deref(), rows)?,
        Some(rows) => ask(config, expression.clone(), PreviewOf::Rows(rows)).await?,
        None => {
            let people = connection.map_or(PreviewOf::Everybody, PreviewOf::Connection);
            ask(config, expression.clone(), people).await?
        }
    };
    match output.format {
        Format::Json => print_json(&preview)?,
        Format::Text => print_text(&preview, changes)?,
    }
    eprintln!("nothing was changed");
    // Without one it is that which is in force already.
    if expression.is_some() {
        eprintln!("to put this expression in force:");
        eprintln!("  sallyport-ca names apply --expression {}", shell_word(&preview.summary.expression));
    }
    Ok(())
}

pub(super) async fn apply(config: &Path, expression: Option<String>, output: Output) -> anyhow::Result<()> {
    let ask = ApplyExpression { expression };
    let summary = with_admin(config, |admin| async move { admin.apply_expression(&ask).await }).await?;
    match output.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&summary)?),
        Format::Text => {
            let mut out = io::stdout().lock();
            print_summary(&mut out, &summary)?;
        }
    }
    if summary.renamed + summary.collisions + summary.refused > 0 {
        eprintln!("nobody who has a name was renamed; see: sallyport-ca names list");
    }
    Ok(())
}

async fn ask(config: &Path, expression: Option<String>, people: PreviewOf) -> anyhow::Result<Preview> {
    let ask = PreviewNames { expression, people };
    with_admin(config, |admin| async move { admin.preview_names(&ask).await }).await
}

fn alone(expression: Option<&str>, rows: Vec<PreviewRow>) -> anyhow::Result<Preview> {
    let naming = Naming::new(NamesSection::default());
    let mapping =
        Mapping::parse(expression.unwrap_or(Mapping::DEFAULT)).context("the expression cannot be used")?;
    Ok(preview_rows(&naming, &mapping, rows)?)
}

fn csv_rows(file: &Path) -> anyhow::Result<Vec<PreviewRow>> {
    csv::rows(&text(file)?).with_context(|| format!("{} is no list of people", file.display()))
}

fn json_rows(file: &Path) -> anyhow::Result<Vec<PreviewRow>> {
    json::rows(&text(file)?).with_context(|| format!("{} is no list of people", file.display()))
}

pub(super) fn text(file: &Path) -> anyhow::Result<String> {
    let name = file.display();
    let size = std::fs::metadata(file).with_context(|| format!("{name} cannot be read"))?.len();
    if size > csv::LARGEST {
        bail!("{name} is larger than {} bytes: split it", csv::LARGEST);
    }
    std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read as UTF-8 text"))
}

fn print_json(preview: &Preview) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut out, preview)?;
    quietly(writeln!(out).and_then(|()| out.flush()))
}

fn print_text(preview: &Preview, changes: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut print = || -> io::Result<()> {
        print_summary(&mut out, &preview.summary)?;
        print_people(&mut out, preview, changes)?;
        out.flush()
    };
    quietly(print())
}

/// Everybody, in groups: what somebody has to look at comes first, and who keeps their name last.
fn print_people(out: &mut impl Write, preview: &Preview, changes: bool) -> io::Result<()> {
    let mut people: Vec<_> = preview.people.iter().map(|person| (person.outcome(), person)).collect();
    people.sort_by_key(|(outcome, _)| *outcome);
    let mut unlisted = 0;
    for group in people.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((outcome, _)) = group.first() else { continue };
        let is_listed = |person: &PreviewedPerson| {
            !changes || *outcome != PreviewOutcome::Unchanged || person.problem.is_some()
        };
        let listed: Vec<_> = group.iter().map(|(_, person)| *person).filter(|one| is_listed(one)).collect();
        unlisted += group.len() - listed.len();
        if !listed.is_empty() {
            writeln!(out, "\n{}:", label(*outcome))?;
        }
        for person in listed {
            print_person(out, person)?;
        }
    }
    if unlisted > 0 {
        writeln!(out, "\n{unlisted} unchanged, not listed")?;
    }
    Ok(())
}

/// As the summary calls them.
const fn label(outcome: PreviewOutcome) -> &'static str {
    match outcome {
        PreviewOutcome::Collision => "collisions",
        PreviewOutcome::Kept => "kept",
        PreviewOutcome::Named => "named",
        PreviewOutcome::NoUid => "no uid",
        PreviewOutcome::Refused => "refused",
        PreviewOutcome::Renamed => "renamed",
        PreviewOutcome::Unchanged => "unchanged",
    }
}

fn print_summary(out: &mut impl Write, summary: &PreviewSummary) -> io::Result<()> {
    writeln!(out, "expression  {}", summary.expression.replace('\n', " "))?;
    for (what, count, meaning) in [
        ("people", summary.people, ""),
        ("unchanged", summary.unchanged, "keep their name"),
        ("named", summary.named, "have none yet and would get one"),
        ("renamed", summary.renamed, "another name would be proposed"),
        ("kept", summary.kept, "another name was turned down before"),
        ("collisions", summary.collisions, "the name is somebody else's, or a host's"),
        (
            "no uid",
            summary.without_uid,
            "every number of names.uid_ranges is handed out before them: add a range",
        ),
        ("refused", summary.refused, "no name for a person"),
    ] {
        writeln!(out, "{}", format!("{what:<10} {count:>8}  {meaning}").trim_end())?;
    }
    Ok(())
}

fn print_person(out: &mut impl Write, person: &PreviewedPerson) -> io::Result<()> {
    let label =
        ["userPrincipalName", "userName"].iter().find_map(|name| person.attributes.get(*name)?.as_str());
    let current = person.current.as_deref().unwrap_or("-");
    let proposed = person.proposed.as_deref().unwrap_or("-");
    let (subject, label) = (plain(&person.subject), plain(label.unwrap_or_default()));
    write!(out, "{subject}  {label}  {current} -> {proposed}")?;
    if let Some(problem) = &person.problem {
        write!(out, "  {}: {}", problem.code, plain(&problem.detail.replace('\n', " ")))?;
        if !problem.with.is_empty() {
            write!(out, " (with {})", plain(&problem.with.join(", ")))?;
        }
    }
    writeln!(out)
}

/// A closed pipe (`| head`) ends the output quietly.
fn quietly(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
