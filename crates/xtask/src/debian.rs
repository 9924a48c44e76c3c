//! Debian packages: what is missing, and installing it where we may.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::needs::Debian;
use crate::privilege::root_command;
use crate::{paths, steps};

pub(crate) fn install(needs: &[Debian]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let advice = advice(&missing);
    if paths::program("apt-get").is_none() {
        bail!("{advice}\n  (there is no apt-get here: use this system's own packages of the same programs)");
    }
    for need in &missing {
        eprintln!("installing the Debian package {}", need.package);
        if let Some(remark) = &need.remark {
            eprintln!("  {remark}");
        }
    }
    for arguments in apt_calls(&missing) {
        let Some(mut env) = root_command("env") else { bail!(advice) };
        env.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120", "-qq"]);
        // dpkg tells of each package three times; what goes wrong comes on the standard error.
        steps::run(env.args(arguments).stdout(Stdio::null())).with_context(|| advice.clone())?;
    }
    let left = self::missing(needs);
    if !left.is_empty() {
        bail!("apt-get succeeded, and still: {}", self::advice(&left));
    }
    Ok(())
}

fn missing(needs: &[Debian]) -> Vec<&Debian> {
    needs.iter().filter(|need| !is_there(need)).collect()
}

fn is_there(need: &Debian) -> bool {
    need.files.iter().all(|file| file.exists())
        && need.provides.iter().all(|name| paths::program(name).is_some())
        && python_has(&need.python_modules)
}

fn python_has(modules: &[String]) -> bool {
    if modules.is_empty() {
        return true;
    }
    let Some(python) = paths::python() else { return false };
    Command::new(python)
        .args(["-I", "-c", &format!("import {}", modules.join(", "))])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A fresh machine's package lists may be empty or old, so they are always brought up to date first.
fn apt_calls(missing: &[&Debian]) -> [Vec<String>; 2] {
    let install = ["install", "--yes", "--no-install-recommends"].map(str::to_owned);
    let packages = missing.iter().map(|need| need.package.clone());
    [vec!["update".to_owned()], install.into_iter().chain(packages).collect()]
}

fn advice(missing: &[&Debian]) -> String {
    let packages: Vec<&str> = missing.iter().map(|need| need.package.as_str()).collect();
    let packages = packages.join(" ");
    format!(
        "these Debian packages are missing: {packages}\n  run as root: apt-get update && \
         apt-get install --no-install-recommends {packages}"
    )
}

#[cfg(test)]
mod tests {
    use super::{advice, missing};
    use crate::needs::Debian;

    fn need(package: &str, program: &str) -> Debian {
        Debian {
            files: Vec::new(),
            package: package.to_owned(),
            provides: vec![program.to_owned()],
            python_modules: Vec::new(),
            remark: None,
        }
    }

    #[test]
    fn only_what_is_missing_is_named_with_the_command_to_run() {
        let needs = [need("coreutils", "env"), need("frobnicator", "no-such-program-here")];
        let missing = missing(&needs);
        assert_eq!(missing.len(), 1);
        assert!(advice(&missing).ends_with("install --no-install-recommends frobnicator"));
    }
}
