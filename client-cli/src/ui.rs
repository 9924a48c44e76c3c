//! The only place that prints: stdout is data, stderr is talk.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::Format;
use crate::failure::Failure;

/// One line on stdout of `login --format json`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Certificate {
        serial: u64,
        valid_until: Timestamp,
        principals: &'a [String],
        /// Absent when another program brought the certificate.
        session: Option<&'a str>,
    },
    DeviceCode {
        user_code: &'a str,
        verification_uri: &'a str,
        /// Seconds.
        expires_in: u64,
    },
    OpenUrl {
        url: &'a str,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    format: Format,
}

impl Ui {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Talk: one line for the person.
    #[expect(clippy::unused_self, reason = "whoever prints holds the Ui")]
    pub(crate) fn say(self, line: impl AsRef<str>) {
        write_line(&mut io::stderr(), &printable(line.as_ref()));
    }

    /// Data: for the person who asked for it, or for a pipe.
    #[expect(clippy::unused_self, reason = "whoever prints holds the Ui")]
    pub(crate) fn data(self, text: impl AsRef<str>) {
        write_line(&mut io::stdout(), &printable(text.as_ref()));
    }

    /// Data as JSON, on one line.
    #[expect(clippy::unused_self, reason = "whoever prints holds the Ui")]
    pub(crate) fn json(self, value: &impl Serialize) {
        // Our own types: strings, numbers and lists always have a JSON form.
        if let Ok(line) = serde_json::to_string(value) {
            write_line(&mut io::stdout(), &line);
        }
    }

    /// Only programs asked for events; a person was told in a sentence.
    pub(crate) fn event(self, event: &Event<'_>) {
        if self.is_json() {
            self.json(event);
        }
    }

    pub(crate) fn failure(self, failure: &Failure) {
        self.say(format!("error: {}\n  run: {}", failure.what(), failure.run()));
    }
}

/// A reader that went away is no reason to fail: the exit code says how it went.
fn write_line(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Certificates and answers hold what others chose: nothing of it may steer the terminal.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\n' => out.push(c),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        out
    })
}

/// Marks that turn or hide what follows (Unicode's bidirectional controls and zero-width characters).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\nd");
        assert_eq!(printable("Zoë 🙂"), "Zoë 🙂");
    }

    #[test]
    fn events_are_what_scripts_parse() {
        let text = |event: &Event<'_>| serde_json::to_string(event).unwrap();
        assert_eq!(text(&Event::OpenUrl { url: "https://x" }), r#"{"event":"open_url","url":"https://x"}"#);
        let code = Event::DeviceCode { user_code: "A1", verification_uri: "https://x", expires_in: 900 };
        assert_eq!(
            text(&code),
            r#"{"event":"device_code","user_code":"A1","verification_uri":"https://x","expires_in":900}"#
        );
        let principals = ["ada".to_owned()];
        let certificate = Event::Certificate {
            serial: 7,
            valid_until: "2027-01-15T08:00:00Z".parse().unwrap(),
            principals: &principals,
            session: Some("s"),
        };
        assert_eq!(
            text(&certificate),
            r#"{"event":"certificate","serial":7,"valid_until":"2027-01-15T08:00:00Z","principals":["ada"],"session":"s"}"#
        );
    }
}
