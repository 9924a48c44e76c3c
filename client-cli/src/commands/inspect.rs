use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;

use crate::agent::Agent;
use crate::certificate::{Certificate, CertificateError, explain};
use crate::cli::InspectArgs;
use crate::failure::Failure;
use crate::files;
use crate::ui::Ui;

/// Explains certificates from a file, from stdin, or from the agent.
pub(crate) fn inspect(args: &InspectArgs, ui: Ui) -> Result<(), Failure> {
    let certificates = match args.file.as_deref() {
        None => in_agent()?,
        Some(path) if path == Path::new("-") => parse(&from_stdin()?, "stdin")?,
        Some(path) => parse(&from_file(path)?, &path.display().to_string())?,
    };
    show(&certificates, SystemClock.now(), ui);
    Ok(())
}

fn show(certificates: &[Certificate], now: Timestamp, ui: Ui) {
    let explained: Vec<_> = certificates.iter().map(|certificate| explain(certificate, now)).collect();
    if ui.is_json() {
        ui.json(&explained);
        return;
    }
    let texts: Vec<String> = explained.iter().map(crate::certificate::Explained::to_text).collect();
    ui.data(texts.join("\n\n"));
}

fn in_agent() -> Result<Vec<Certificate>, Failure> {
    let certificates = Agent::from_environment()?.certificates()?;
    if certificates.is_empty() {
        return Err(Failure::new("there is no certificate in the ssh-agent", "sallyport login"));
    }
    Ok(certificates)
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let again = "ssh-add -L | sallyport inspect -";
    io::stdin()
        .take(files::LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::because("stdin cannot be read", &error, again))?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > files::LIMIT) {
        return Err(Failure::new(format!("stdin is over {} bytes", files::LIMIT), again));
    }
    String::from_utf8(bytes).map_err(|_| Failure::new("stdin is not text", again))
}

fn from_file(path: &Path) -> Result<String, Failure> {
    let look = || format!("ls -l {}", path.display());
    let text =
        files::read(path).map_err(|error| Failure::because("there is nothing to inspect", &error, look()))?;
    text.ok_or_else(|| Failure::new(format!("{} does not exist", path.display()), look()))
}

/// Every line that is a certificate. Plain keys among them, as `ssh-add -L` lists, are passed over.
fn parse(text: &str, name: &str) -> Result<Vec<Certificate>, Failure> {
    let mut certificates = Vec::new();
    let mut wrong = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match Certificate::from_line(line) {
            Ok(certificate) => certificates.push(certificate),
            Err(CertificateError::Damaged) => {
                let run = format!("ssh-keygen -L -f {name}, to see what it says");
                return Err(Failure::new(format!("a certificate in {name} is damaged"), run));
            }
            Err(error) => wrong = wrong.or(Some(error)),
        }
    }
    match (certificates.is_empty(), wrong) {
        (false, _) => Ok(certificates),
        (true, Some(error)) => {
            let run = "sallyport inspect FILE-cert.pub; or sallyport inspect, for those in the agent";
            Err(Failure::because(format_args!("{name} holds no certificate"), &error, run))
        }
        (true, None) => Err(Failure::new(format!("{name} is empty"), "sallyport inspect FILE-cert.pub")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{Made, NOW, private_key};

    fn certificate() -> String {
        Made::user(1, NOW, NOW + 60).line()
    }

    #[test]
    fn plain_keys_beside_certificates_are_passed_over() {
        let plain = private_key(3).public_key().to_openssh().unwrap();
        let text = format!("# comment\n{plain}\n{} a comment\n\n", certificate());
        assert_eq!(parse(&text, "stdin").unwrap().len(), 1);
        let failure = parse(&plain, "id.pub").unwrap_err();
        assert!(failure.what().contains("plain public key"), "{failure:?}");
    }

    #[test]
    fn damage_is_not_passed_over() {
        let line = certificate();
        let cut = line.get(..line.len() - 40).unwrap();
        let failure = parse(&format!("{line}\n{cut}\n"), "x").unwrap_err();
        assert!(failure.what().contains("damaged"), "{failure:?}");
        assert!(parse("", "x").unwrap_err().what().contains("empty"));
        assert!(parse("hello world", "x").unwrap_err().what().contains("no OpenSSH certificate"));
    }
}
