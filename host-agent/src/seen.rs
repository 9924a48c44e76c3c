use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use jiff::Timestamp;
use sallyport_domain::{PosixName, Uid, UidRange};

use crate::accounts::{AccountFiles, Ledger, gids_of, strays, system_names};
use crate::disk;
use crate::lease;
use crate::paths::Paths;
use crate::problem::{Code, Problem};
use crate::sessions;
use crate::state::State;

/// How many accounts one sentence names.
const MOST_NAMED: usize = 10;
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// What stands on the host, as far as its files and processes tell. Asking name services, and looking at homes, comes
/// later: they can hang, and taking access away must not wait for them.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `Err`: why the account files are not to be built upon.
    pub(crate) accounts: Result<AccountFiles, Problem>,
    pub(crate) ledger: Ledger,
    /// Accounts with our marks that the ledger does not know.
    pub(crate) strays: Vec<(PosixName, Uid)>,
    /// Everything in our principals directory: whatever lies there grants access.
    pub(crate) principals: BTreeMap<String, Vec<u8>>,
    pub(crate) sudoers: Option<Vec<u8>>,
    pub(crate) lease_note: Option<Vec<u8>>,
    pub(crate) user_ca: Option<Vec<u8>>,
    pub(crate) krl: Option<Vec<u8>>,
    pub(crate) host_certificate: Option<Vec<u8>>,
    pub(crate) drop_in: Option<Vec<u8>>,
    /// Managed uids of which something runs, and the groups that it has.
    pub(crate) running: BTreeMap<u32, BTreeSet<u32>>,
    pub(crate) system_names: BTreeSet<String>,
}

impl Seen {
    /// Without a ledger nothing can be proved ours, so the account files are not to be built upon either. None is
    /// right where no account bears our marks; `ranges`: where the CA takes its uids from.
    pub(crate) fn scan(paths: &Paths, state: &State, ranges: &[UidRange]) -> Self {
        // What cannot be read (a link, a directory) is not what we wrote: an empty file differs from any of ours.
        let file = |path| disk::read(path, LARGEST_FILE).unwrap_or_else(|_| Some(Vec::new()));
        let (ledger, damage) = match state.ledger() {
            Ok(ledger) => (ledger, None),
            Err(error) => (Ledger::default(), Some(Problem::caused(Code::LedgerLost, &error))),
        };
        let accounts =
            AccountFiles::read(paths).map_err(|error| Problem::caused(Code::AccountsRefused, &error));
        let strays = accounts.as_ref().map(|files| strays(files, &ledger, ranges)).unwrap_or_default();
        let lost = (!strays.is_empty() && !state.has_ledger()).then(|| {
            let detail = "the list of the accounts that we made here is gone (accounts.json): nobody new is let in and nobody can be expired until it is built anew; run: sallyport-host recover";
            Problem::new(Code::LedgerLost, detail)
        });
        let own = |uid| accounts.as_ref().ok().and_then(|files| gids_of(files, uid));
        let running = sessions::managed_uids(&paths.proc(), own);
        Self {
            accounts: accounts.and_then(|files| damage.or(lost).map_or(Ok(files), Err)),
            ledger,
            strays,
            principals: principals(paths),
            sudoers: file(&paths.sudoers()),
            lease_note: file(&paths.lease_note()),
            user_ca: file(&paths.user_ca()),
            krl: file(&paths.krl()),
            host_certificate: file(&paths.host_certificate()),
            drop_in: file(&paths.drop_in()),
            running,
            system_names: system_names(paths),
        }
    }
}

impl Seen {
    /// A ledger that does not know all of what bears its marks.
    pub(crate) fn stray_problem(&self) -> Option<Problem> {
        if self.accounts.is_err() || self.strays.is_empty() {
            return None;
        }
        let names: Vec<&str> = self.strays.iter().map(|(name, _)| name.as_str()).take(MOST_NAMED).collect();
        let more = if self.strays.len() > MOST_NAMED { " and others" } else { "" };
        let detail = format!(
            "{}{more} bear the marks of accounts that we made and are not in the list of them, so they cannot be expired; run: sallyport-host recover",
            names.join(", ")
        );
        Some(Problem::new(Code::LedgerLost, detail))
    }

    /// The latest end of a lease that our own files carry: what is known of it without the CA's word.
    pub(crate) fn written_lease(&self) -> Option<Timestamp> {
        let files = self.principals.values().chain(&self.sudoers).chain(&self.lease_note);
        files.filter_map(|bytes| lease::of_file(bytes)).max()
    }
}

fn principals(paths: &Paths) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(paths.principals()).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if disk::is_temporary(&name) {
            continue;
        }
        // A link or a directory cannot be ours; as an unreadable file it is taken away like any stranger.
        let bytes = disk::read(&entry.path(), LARGEST_FILE).ok().flatten().unwrap_or_default();
        found.insert(name, bytes);
    }
    found
}
