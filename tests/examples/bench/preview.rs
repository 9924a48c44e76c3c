//! A preview of a spreadsheet of people, end to end: the program started, the file read, every name computed and held
//! against all others, the whole answer written as JSON.

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sallyport_mapping::{AttributeMap, NameMapping};
use sallyport_tests::bin;

/// The design size.
const PEOPLE: u32 = 100_000;

/// The best of so many.
const ROUNDS: u32 = 3;

/// How long the preview takes, and how long its evaluations alone take in this process.
pub(crate) struct Previewed {
    pub(crate) people: u32,
    pub(crate) whole: Duration,
    pub(crate) alone: Duration,
}

pub(crate) fn measure(expression: &str) -> Result<Previewed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("people.csv");
    let mut csv = "oid,userPrincipalName,displayName\n".to_owned();
    for number in 0..PEOPLE {
        writeln!(csv, "{},{},Person {number}", object(number), upn(number))?;
    }
    std::fs::write(&file, csv)?;
    let (mut whole, mut alone) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let mapping = NameMapping::parse(expression)?;
        let people: Vec<AttributeMap> =
            (0..PEOPLE).map(|number| [("userPrincipalName", upn(number))].into_iter().collect()).collect();
        let start = Instant::now();
        for person in &people {
            black_box(mapping.name(person)?).context("a person without a name")?;
        }
        alone = alone.min(start.elapsed());
        let mut command = Command::new(bin("sallyport-ca")?);
        // In a folder without a CA.
        command.current_dir(folder.path()).args(["names", "preview", "--format", "json", "--csv"]).arg(&file);
        command.args(["--expression", expression]).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        ensure!(command.status()?.success(), "the preview failed");
        whole = whole.min(start.elapsed());
    }
    Ok(Previewed { people: PEOPLE, whole, alone })
}

fn object(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn upn(number: u32) -> String {
    format!("Mara{number}.Lindqvist@contoso.test")
}
