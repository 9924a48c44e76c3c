use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::check::Check;
use super::raw::RawConfig;

/// Environment variables that begin so override the file: `SALLYPORT_CA_<SECTION>_<KEY>`.
const ENVIRONMENT: &str = "SALLYPORT_CA_";
/// Sections that the environment may override; `[[listen]]` is a list and may not.
const SECTIONS: [&str; 7] = ["ca", "login", "certificates", "hosts", "names", "principals", "scim"];

/// Fields that `init` was told, and how.
const FLAGS: [(&str, &str); 6] = [
    ("ca.tenant", "--tenant"),
    ("ca.client_id", "--client-id"),
    ("ca.issuer", "--issuer"),
    ("ca.host_domains", "--host-domain"),
    ("listen[0].address", "--listen"),
    ("login.device", "--device-login"),
];

/// Everything that is wrong with a configuration, all at once.
#[derive(Debug)]
pub struct ConfigError {
    /// `None` while there is no file yet.
    path: Option<PathBuf>,
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} cannot be used", path.display())?,
            None => f.write_str("no CA can be made of these values")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads, overlays the environment and checks. Opens nothing but the file.
///
/// # Errors
/// [`ConfigError`] with every problem found: field, what is wrong, what to write instead.
pub fn load(path: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let fail = |problem: String| ConfigError { path: Some(path.to_owned()), problems: vec![problem] };
    let text = std::fs::read_to_string(path)
        .map_err(|error| fail(format!("it cannot be read: {error}; `sallyport-ca init DIR …` makes one")))?;
    check(path, &text, environment)
}

/// What [`load`] would say of the text that `init` is about to write there.
///
/// # Errors
/// As [`load`], in the words of the command line: nobody has seen the file.
pub fn check_text(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let flag = |problem: String| {
        let known =
            FLAGS.iter().find_map(|(field, flag)| Some(format!("{flag}{}", problem.strip_prefix(field)?)));
        known.unwrap_or(problem)
    };
    check(path, text, std::iter::empty())
        .map_err(|error| ConfigError { path: None, problems: error.problems.into_iter().map(flag).collect() })
}

fn check(
    path: &Path,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let fail = |problem: String| ConfigError { path: Some(path.to_owned()), problems: vec![problem] };
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| fail(format!("it is not TOML: {error}")))?;
    overlay(&mut table, environment).map_err(fail)?;
    let raw: RawConfig = serde_path_to_error::deserialize(table)
        .map_err(|error| fail(format!("{}: {}", error.path(), error.inner().message())))?;
    // The directory as an absolute path: later calls may come from elsewhere. A bare file name has an empty parent.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = std::path::absolute(parent.unwrap_or(Path::new(".")))
        .map_err(|error| fail(format!("its directory cannot be found: {error}")))?;
    let mut check = Check { problems: Vec::new(), directory };
    let config = check.config(raw);
    match config {
        Some(config) if check.problems.is_empty() => Ok(config),
        _ => Err(ConfigError { path: Some(path.to_owned()), problems: check.problems }),
    }
}

fn overlay(
    table: &mut toml::Table,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(), String> {
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(ENVIRONMENT) else { continue };
        let rest = rest.to_ascii_lowercase();
        // Flags of the command line share the prefix; they name no section.
        let Some((section, key)) = rest.split_once('_').filter(|(section, _)| SECTIONS.contains(section))
        else {
            continue;
        };
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        let section =
            section.as_table_mut().ok_or_else(|| format!("{name}: this section is no table in the file"))?;
        section.insert(key.to_owned(), environment_value(&value));
    }
    Ok(())
}

/// `true`, `42` and `["a"]` as TOML; anything else is a string as it stands.
fn environment_value(text: &str) -> toml::Value {
    let as_toml = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    as_toml.and_then(|mut table| table.remove("value")).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests;
