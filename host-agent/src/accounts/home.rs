use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;
use sallyport_domain::PosixName;

use super::{Place, look};
use crate::paths::Paths;

/// A skeleton is a few dot files; deeper or longer is a mistake.
const DEEPEST: usize = 8;
const MOST_ENTRIES: usize = 1_000;
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    #[error("cannot make {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} {why}, so it was left alone", path.display())]
    Taken { path: PathBuf, why: String },
}

/// Makes the home of an account from the skeleton, where it has none. What is there is never changed.
///
/// It is built under another name, belongs to root until it is whole, and is then renamed: the person sees all of it
/// or nothing, and has no way in while root copies. `give` makes something theirs.
pub(crate) fn make(paths: &Paths, name: &PosixName, owner: Owner, give: Give<'_>) -> Result<(), HomeError> {
    let home = paths.homes().join(name.as_str());
    match look(paths, &home, owner.uid) {
        Place::Free => {}
        Place::Theirs | Place::Roots => return Ok(()),
        Place::Taken { why, .. } => return Err(HomeError::Taken { path: home, why }),
    }
    let building = paths.homes().join(format!(".{name}.sallyport-new"));
    build(&paths.skeleton(), &building, &home, &|path| give(path, owner))
        .map_err(|source| HomeError::Io { path: home, source })
}

/// `lchown`, for who may.
pub(crate) type Give<'a> = &'a dyn Fn(&Path, Owner) -> io::Result<()>;

fn build(
    skeleton: &Path,
    building: &Path,
    home: &Path,
    give: &dyn Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    if let Some(parent) = home.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match fs::remove_dir_all(building) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(building)?;
    let mut left = MOST_ENTRIES;
    if skeleton.is_dir() {
        copy_tree(skeleton, building, give, DEEPEST, &mut left)?;
    }
    give(building)?;
    fs::rename(building, home)
}

fn copy_tree(
    from: &Path,
    to: &Path,
    give: &dyn Fn(&Path) -> io::Result<()>,
    depth: usize,
    left: &mut usize,
) -> io::Result<()> {
    let depth = depth.checked_sub(1).ok_or_else(|| io::Error::other("the skeleton is too deep"))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the skeleton has too many files"))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            DirBuilder::new().mode(0o700).create(&target)?;
            copy_tree(&source, &target, give, depth, left)?;
            fs::set_permissions(&target, fs::symlink_metadata(&source)?.permissions())?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            copy_file(&source, &target)?;
        } else {
            continue;
        }
        give(&target)?;
    }
    Ok(())
}

fn copy_file(source: &Path, target: &Path) -> io::Result<()> {
    let from = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(source)?;
    let metadata = from.metadata()?;
    if metadata.len() > LARGEST_FILE {
        return Err(io::Error::other("a file of the skeleton is too large"));
    }
    let mut to: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(target)?;
    io::copy(&mut io::Read::take(from, LARGEST_FILE), &mut to)?;
    to.set_permissions(fs::Permissions::from_mode(metadata.mode() & 0o777))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVE: Give<'_> = &|path, owner| std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid));

    fn me() -> Owner {
        Owner { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() }
    }

    fn host() -> (tempfile::TempDir, Paths) {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        fs::create_dir_all(paths.skeleton().join("bin")).unwrap();
        fs::write(paths.skeleton().join(".profile"), "umask 022\n").unwrap();
        std::os::unix::fs::symlink("/etc/motd", paths.skeleton().join("motd")).unwrap();
        (root, paths)
    }

    #[test]
    fn a_home_is_the_skeleton_and_closed_to_others() {
        let (_root, paths) = host();
        make(&paths, &"ada".parse().unwrap(), me(), GIVE).unwrap();
        let home = paths.homes().join("ada");
        assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::read(home.join(".profile")).unwrap(), b"umask 022\n");
        assert!(home.join("bin").is_dir());
        assert!(fs::symlink_metadata(home.join("motd")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(paths.homes()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let (_root, paths) = host();
        let home = paths.homes().join("ada");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("work"), "mine").unwrap();
        make(&paths, &"ada".parse().unwrap(), me(), GIVE).unwrap();
        assert!(!home.join(".profile").exists());
        if me().uid == 0 {
            std::os::unix::fs::chown(&home, Some(70_009), None).unwrap();
        }
        let other = make(&paths, &"ada".parse().unwrap(), Owner { uid: 70_001, ..me() }, GIVE);
        assert!(matches!(other, Err(HomeError::Taken { .. })));
        assert_eq!(fs::read(home.join("work")).unwrap(), b"mine");
    }

    #[test]
    fn nothing_is_made_through_a_link() {
        let (root, paths) = host();
        let name = "ada".parse().unwrap();
        fs::create_dir_all(paths.homes()).unwrap();
        std::os::unix::fs::symlink(root.path().join("data"), paths.homes().join("ada")).unwrap();
        assert!(matches!(make(&paths, &name, me(), GIVE), Err(HomeError::Taken { .. })));
        assert!(!root.path().join("data").exists());
        fs::write(root.path().join("data"), "").unwrap();
        assert!(matches!(make(&paths, &name, me(), GIVE), Err(HomeError::Taken { .. })));
    }

    #[test]
    fn what_a_killed_run_built_is_built_again() {
        let (_root, paths) = host();
        let half = paths.homes().join(".ada.sallyport-new");
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("half"), "x").unwrap();
        make(&paths, &"ada".parse().unwrap(), me(), GIVE).unwrap();
        assert!(!paths.homes().join("ada/half").exists());
    }
}
