//! What a name costs: `cargo xtask bench names`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fancy_regex::Regex;
use sallyport_mapping::{AttributeMap, NameMapping, Value};

use crate::cpu;
use crate::preview::{self, Previewed};
use crate::report::Local;

/// People whose names are computed, over and over; none like another.
const PEOPLE: u32 = 10_000;

/// How long each row is measured.
const LONG: Duration = Duration::from_secs(2);

/// The pattern of the first expression, as a program would use it that knows it beforehand.
const BARE: &str = "(?<Suffix>@(.)*)";

const EXPRESSIONS: [(&str, &str); 4] = [
    (
        "2  the quickstart's first",
        r#"ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )"#,
    ),
    (
        "3  its second",
        r#"ToLower(Replace(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), ".", , ,"", , ))"#,
    ),
    (
        "4  its third",
        r#"ToLower(Replace(Replace([userPrincipalName], , "(?<=^.{1}).\w+.\.", "", "", , ), , "(@(.)*)","","" , ,))"#,
    ),
    (
        "5  twenty functions",
        r#"ToLower(NormalizeDiacritics(StripSpaces(Join("-",
            Left(PCase(Coalesce([nickname], [givenName])), 8), Mid(ToUpper([surname]), 1, 8),
            Word(Replace([userPrincipalName], "@", , , " "), 1, " "),
            Switch(Switch(IsPresent([department]), "none", "True", [department]), "x", "Platform", "p", "none", "n"),
            Item(Split(Replace([title], , "[^a-z]+", , "-"), "-"), 1), CStr(InStr([surname], "a")),
            Switch(IsNullOrEmpty([middleName]), IIF([middleName]="-", "", Append([middleName], ".")), "True", "")))))"#,
    ),
];

pub(crate) fn run() -> Result<()> {
    let people: Vec<AttributeMap> = (0..PEOPLE).map(person).collect();
    let upns: Vec<String> = (0..PEOPLE).map(upn).collect();
    eprintln!("measuring on one core");
    let regex = Regex::new(BARE)?;
    let bare = measure(&upns, |upn| {
        black_box(regex.replace_all(upn, ""));
        Ok(())
    })?;
    let mut table = format!("{:<36}{:>12}{:>8}{:>9}\n", "", "a second", "ratio", "CPU µs");
    row(&mut table, "1  the bare regular expression", &bare, &bare)?;
    for (what, text) in EXPRESSIONS {
        let mapping = NameMapping::parse(text).with_context(|| what.to_owned())?;
        let rate = measure(&people, |person| {
            black_box(mapping.name(person)?).context("a person without a name")?;
            Ok(())
        })?;
        row(&mut table, what, &rate, &bare)?;
    }
    eprintln!("previewing a spreadsheet of people, three times");
    let Previewed { people: rows, whole, alone } = preview::measure(EXPRESSIONS[0].1)?;
    writeln!(
        table,
        "\n6  a preview of {rows} people {:>9.2} s, {:.1} times their evaluation alone ({:.2} s)",
        whole.as_secs_f64(),
        whole.as_secs_f64() / alone.as_secs_f64(),
        alone.as_secs_f64()
    )?;
    println!(
        "Sallyport: names a second, and the ratio to the bare regular expression in this same run\n\n{table}\n\
         1  fancy-regex alone: {BARE} replaced by nothing in a user principal name, compiled once.\n\
         2-5  Compiled expressions over the attributes of {PEOPLE} different people, budgets held.\n\
         6  `names preview --csv --format json` with the quickstart's first, from start to end of the program."
    );
    Ok(())
}

fn row(table: &mut String, what: &str, row: &Local, bare: &Local) -> Result<()> {
    let micros = row.cpu.as_secs_f64() * 1e6 / f64::from(row.done);
    Ok(writeln!(table, "{what:<36}{:>12.0}{:>8.2}{micros:>9.2}", row.rate(), row.rate() / bare.rate())?)
}

/// Whole rounds over all people until the time is up.
fn measure<T>(people: &[T], one: impl Fn(&T) -> Result<()>) -> Result<Local> {
    people.iter().try_for_each(&one)?;
    let (mut done, before, start) = (0, cpu::of_this_thread()?, Instant::now());
    while start.elapsed() < LONG {
        people.iter().try_for_each(&one)?;
        done += u32::try_from(people.len())?;
    }
    Ok(Local { done, took: start.elapsed(), cpu: cpu::of_this_thread()?.saturating_sub(before) })
}

fn person(number: u32) -> AttributeMap {
    let mut attributes = AttributeMap::from_iter([
        ("userPrincipalName", upn(number)),
        ("givenName", format!("Zoë Mara {number}")),
        ("surname", format!("Łindqvist-{number}")),
        ("title", "Site Reliability Engineer".to_owned()),
    ]);
    attributes
        .set("department", if number.is_multiple_of(3) { Value::Null } else { Value::from("Platform") });
    attributes
}

fn upn(number: u32) -> String {
    format!("Mara{number}.Lindqvist@contoso.test")
}
