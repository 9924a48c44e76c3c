use std::error::Error;
use std::fmt::{self, Write};

use sallyport_protocol::ReportProblem;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// What is wrong on this host: stable, for programs to read.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// passwd, group or shadow cannot be edited safely.
    AccountsRefused = "accounts_refused";
    /// A local account that was given to a person cannot be theirs.
    AdoptionRefused = "adoption_refused";
    CaKeysRefused = "ca_keys_refused";
    CaUnreachable = "ca_unreachable";
    /// sshd goes on without the certificate that it was given.
    CertificateNotShown = "host_certificate_not_shown";
    CertificateRefused = "host_certificate_refused";
    /// A group that the CA gives to its hosts cannot be made here: its name or gid is somebody else's.
    GroupConflict = "group_conflict";
    /// People are to be in a group of the host that it does not have, or that nobody is put into.
    GroupMissing = "group_missing";
    /// Somebody is in a group that is as good as root by others' hands, and stays in it.
    GroupStays = "group_stays";
    /// The home belongs to somebody else.
    HomeForeign = "home_foreign";
    KrlRefused = "krl_refused";
    /// The list of our accounts is lost, damaged or too old: whom it does not name cannot be expired.
    LedgerLost = "ledger_lost";
    /// No fresh word of the CA for longer than it allowed: nobody has access.
    LeaseOver = "lease_over";
    /// More names or numbers are local here than the CA takes.
    LocalNamesCut = "local_names_cut";
    NameReserved = "name_reserved";
    NameTaken = "name_taken";
    /// Processes of a suspended person are still there.
    SessionsLeft = "sessions_left";
    /// Another line of sshd's configuration beats ours.
    ShadowedBy = "shadowed_by";
    SnapshotRefused = "snapshot_refused";
    SshdConflict = "sshd_conflict";
    SshdRefused = "sshd_refused";
    StepFailed = "step_failed";
    SudoMissing = "sudo_missing";
    SudoNotWired = "sudo_not_wired";
    SudoRefused = "sudo_refused";
    /// sudo does not grant what our rule says.
    SudoShadowed = "sudo_shadowed";
    UidConflict = "uid_conflict";
}

impl Code {
    /// Whether the host is less than its generation says, though no step failed: somebody may have access, or a
    /// revoked certificate count, whom the CA took it from. Single accounts that are withheld are not that.
    pub(crate) const fn holds_generation_back(self) -> bool {
        matches!(self, Self::AccountsRefused | Self::CaKeysRefused | Self::KrlRefused | Self::LedgerLost)
    }
}

/// One thing that an administrator should know.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// With the whole chain of causes in the detail.
    pub(crate) fn caused(code: Code, error: &dyn Error) -> Self {
        Self::new(code, chain(error))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl From<Problem> for ReportProblem {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code.as_str().to_owned(), detail: problem.detail }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_to_administrators() {
        let page = include_str!("../../docs/operations.md");
        let table = page.split("Codes under PROBLEMS").nth(1).unwrap().split("###").next().unwrap();
        let unexplained: Vec<&str> = Code::ALL
            .iter()
            .map(|code| code.as_str())
            .filter(|code| !table.contains(&format!("`{code}`")))
            .collect();
        assert!(unexplained.is_empty(), "{unexplained:?}");
    }
}
