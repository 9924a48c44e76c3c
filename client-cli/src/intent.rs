//! From what was typed to what is meant. Contradictions are refused here, before anything is opened.

use std::path::PathBuf;

use sallyport_domain::Lifetime;

use crate::cli::LoginArgs;
use crate::failure::Failure;
use crate::settings::PinnedCa;
use crate::span;

/// RFC 5321 allows 254 characters; Entra fewer.
const LONGEST_ADDRESS: usize = 254;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Login {
    pub(crate) ca: PinnedCa,
    pub(crate) asked_as: Option<String>,
    pub(crate) way: Way,
    pub(crate) ttl: Option<Lifetime>,
    /// Also when a valid certificate is there.
    pub(crate) force: bool,
    pub(crate) keep: Keep,
}

/// How the person signs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    Browser,
    Device,
    /// The browser is elsewhere: the address is printed, and the one it ended on may be pasted.
    Pasted,
}

/// Where key and certificate go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Keep {
    Agent,
    File(PathBuf),
}

impl Login {
    pub(crate) fn from_args(args: LoginArgs, remembered: Option<PinnedCa>) -> Result<Self, Failure> {
        let way = way(&args)?;
        let keep = keep(&args)?;
        let ttl = args.ttl.as_deref().map(ttl).transpose()?;
        let force = args.force;
        let asked_as = args.who.clone().map(asked_as).transpose()?;
        let ca = ca(args, remembered)?;
        Ok(Self { ca, asked_as, way, ttl, force, keep })
    }
}

fn way(args: &LoginArgs) -> Result<Way, Failure> {
    match (args.device, args.no_browser) {
        (true, true) => Err(Failure::new(
            "--device and --no-browser are two ways to sign in without a browser here; one is enough",
            "sallyport login --no-browser, or sallyport login --device",
        )),
        (true, false) => Ok(Way::Device),
        (false, true) => Ok(Way::Pasted),
        (false, false) => Ok(Way::Browser),
    }
}

fn keep(args: &LoginArgs) -> Result<Keep, Failure> {
    let both = "sallyport login --no-agent --out FILE";
    match (args.no_agent, &args.out) {
        (false, None) => Ok(Keep::Agent),
        (true, Some(path)) if path.file_name().is_some() => Ok(Keep::File(path.clone())),
        (true, Some(path)) => {
            Err(Failure::new(format!("--out {} is not a file's name", path.display()), both))
        }
        (true, None) => Err(Failure::new("--no-agent needs --out FILE: where the key is to be kept", both)),
        (false, Some(_)) => Err(Failure::new(
            "--out writes the private key to a file; that is only done with --no-agent",
            both,
        )),
    }
}

fn ttl(text: &str) -> Result<Lifetime, Failure> {
    span::parse(text)
        .map_err(|error| Failure::because(format_args!("--ttl {text}"), &error, "sallyport login --ttl 8h"))
}

/// The address becomes a line of what is signed, so it is one line.
fn asked_as(who: String) -> Result<String, Failure> {
    let plain = !who.is_empty() && !who.chars().any(|c| c.is_control() || c.is_whitespace());
    if plain && who.len() <= LONGEST_ADDRESS {
        return Ok(who);
    }
    Err(Failure::new(format!("{who:?} is not an address"), "sallyport login you@example.com"))
}

/// The address and the fingerprint belong together: a new address never inherits another CA's fingerprint.
fn ca(args: LoginArgs, remembered: Option<PinnedCa>) -> Result<PinnedCa, Failure> {
    let full = "sallyport login --ca URL --ca-fingerprint SHA256:…, with both from your administrator";
    match (args.ca, args.ca_fingerprint, remembered) {
        (Some(url), Some(fingerprint), _) => Ok(PinnedCa { url, fingerprint }),
        (Some(url), None, Some(known)) if known.url == url => Ok(known),
        (None, Some(fingerprint), Some(known)) => Ok(PinnedCa { fingerprint, ..known }),
        (None, None, Some(known)) => Ok(known),
        (Some(url), None, _) => {
            Err(Failure::new(format!("the fingerprint of the CA at {url} is not known here"), full))
        }
        (None, Some(_), None) => Err(Failure::new("a fingerprint without the CA's address", full)),
        (None, None, None) => Err(Failure::new("which CA? None is in the configuration yet", full)),
    }
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::Fingerprint;

    use super::*;

    fn known() -> PinnedCa {
        PinnedCa {
            url: "https://ca.contoso.test".parse().unwrap(),
            fingerprint: Fingerprint::of_blob(b"known"),
        }
    }

    fn meant(args: LoginArgs) -> Result<Login, Failure> {
        Login::from_args(args, Some(known()))
    }

    #[test]
    fn nothing_typed_means_the_remembered_ca_and_a_browser() {
        let login = meant(LoginArgs::default()).unwrap();
        let expected = Login {
            ca: known(),
            asked_as: None,
            way: Way::Browser,
            ttl: None,
            force: false,
            keep: Keep::Agent,
        };
        assert_eq!(login, expected);
    }

    #[test]
    fn contradictions_are_refused_with_the_way_out() {
        let cases = [
            LoginArgs { device: true, no_browser: true, ..LoginArgs::default() },
            LoginArgs { no_agent: true, ..LoginArgs::default() },
            LoginArgs { out: Some("key".into()), ..LoginArgs::default() },
            LoginArgs { no_agent: true, out: Some("/".into()), ..LoginArgs::default() },
            LoginArgs { ttl: Some("8".into()), ..LoginArgs::default() },
            LoginArgs { ttl: Some("4m".into()), ..LoginArgs::default() },
            LoginArgs { who: Some(String::new()), ..LoginArgs::default() },
            LoginArgs { who: Some("a@b\nc".into()), ..LoginArgs::default() },
            LoginArgs { who: Some("a".repeat(255)), ..LoginArgs::default() },
        ];
        for args in cases {
            let typed = format!("{args:?}");
            let failure = meant(args).expect_err(&typed);
            assert!(failure.run().starts_with("sallyport login"), "{typed}: {failure:?}");
        }
    }

    #[test]
    fn an_address_never_inherits_another_cas_fingerprint() {
        let other =
            LoginArgs { ca: Some("https://other.contoso.test".parse().unwrap()), ..LoginArgs::default() };
        assert!(meant(other).unwrap_err().what().contains("not known here"));
        let same = LoginArgs { ca: Some(known().url), ..LoginArgs::default() };
        assert_eq!(meant(same).unwrap().ca, known());
        assert!(Login::from_args(LoginArgs::default(), None).is_err());
    }

    #[test]
    fn what_is_typed_wins_over_what_is_remembered() {
        let fingerprint = Fingerprint::of_blob(b"new");
        let args = LoginArgs { ca_fingerprint: Some(fingerprint), ..LoginArgs::default() };
        assert_eq!(meant(args).unwrap().ca, PinnedCa { fingerprint, ..known() });
        let alone = LoginArgs { ca_fingerprint: Some(fingerprint), ..LoginArgs::default() };
        assert!(Login::from_args(alone, None).is_err());
    }

    #[test]
    fn the_rest_is_understood() {
        let args = LoginArgs {
            who: Some("ada@contoso.test".into()),
            no_browser: true,
            no_agent: true,
            out: Some("/tmp/key".into()),
            ttl: Some("1h30m".into()),
            force: true,
            ..LoginArgs::default()
        };
        let login = meant(args).unwrap();
        assert_eq!(login.asked_as.as_deref(), Some("ada@contoso.test"));
        assert_eq!((login.way, login.keep), (Way::Pasted, Keep::File("/tmp/key".into())));
        assert_eq!(login.ttl.unwrap().seconds(), 5400);
        assert!(login.force);
    }
}
