//! The house's walls (ARCHITECTURE.md): who may use whom. The text of a failure is the rule that was broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

const PREFIX: &str = "sallyport-";

/// Lowest first: a room may use rooms of the rows above it here, never one of its own row.
const ROWS: [&[&str]; 5] = [
    &["domain", "trust-roots"],
    &["audit", "krl", "mapping", "policy", "protocol", "scim"],
    &["issuance", "store"],
    &["client", "entra", "store-sqlite"],
    &["ca-server", "client-cli", "host-agent"],
];

/// They use none of ours: a look-alike could agree with us by accident, a tool could fail to build what it
/// is there to mend.
const ALONE: [&str; 2] = ["entra-sim", "xtask"];

/// They use whatever they test.
const ABOVE_ALL: [&str; 1] = ["tests"];

/// Rooms that know no clock, no file and no network: everything comes in as an argument.
const PURE: [&str; 8] = ["audit", "domain", "issuance", "krl", "mapping", "policy", "protocol", "scim"];

/// What a pure room may not reach, not even through somebody else's crate.
const IMPURE: [&str; 8] = ["axum", "hyper", "nix", "openidconnect", "reqwest", "rusqlite", "rustls", "tokio"];

/// The store promises in the nouns of the domain, and names no database and no network.
const NOT_IN_THE_PORT: [&str; 6] = ["axum", "hyper", "openidconnect", "reqwest", "rusqlite", "rustls"];

/// Rules that the rows do not say: the room, and what it may not use though it stands above it.
const FORBIDDEN: [(&str, &[&str]); 10] = [
    // TLS roots are the adapters' business, whichever program they work for.
    ("audit", &["trust-roots"]),
    ("issuance", &["trust-roots"]),
    ("krl", &["trust-roots"]),
    ("mapping", &["trust-roots"]),
    ("policy", &["trust-roots"]),
    ("protocol", &["trust-roots"]),
    ("scim", &["trust-roots"]),
    ("store", &["trust-roots"]),
    // What is not the CA holds no keys of the CA and none of its tables.
    ("client-cli", &["issuance", "store", "store-sqlite"]),
    ("host-agent", &["entra", "issuance", "store", "store-sqlite"]),
];

#[test]
fn every_room_has_its_place() -> Result<()> {
    let metadata = metadata()?;
    let placed: BTreeSet<&str> = ROWS.concat().into_iter().chain(ALONE).chain(ABOVE_ALL).collect();
    for room in rooms(&metadata).keys() {
        assert!(placed.contains(room.as_str()), "{room} has no place in the architecture: give it a row");
    }
    Ok(())
}

#[test]
fn arrows_point_downwards_only() -> Result<()> {
    let metadata = metadata()?;
    for (room, package) in rooms(&metadata) {
        for used in ours(package, &[DependencyKind::Normal, DependencyKind::Build]) {
            if let Some(rule) = broken_rule(&room, &used) {
                panic!("{rule}");
            }
        }
    }
    Ok(())
}

#[test]
fn those_that_stand_alone_use_none_of_ours_not_even_in_their_tests() -> Result<()> {
    let metadata = metadata()?;
    let every_kind = [DependencyKind::Build, DependencyKind::Development, DependencyKind::Normal];
    for (room, package) in rooms(&metadata) {
        if ALONE.contains(&room.as_str())
            && let Some(used) = ours(package, &every_kind).first()
        {
            panic!("{room} must not depend on {used}, nor on any of ours");
        }
    }
    Ok(())
}

#[test]
fn pure_rooms_and_the_port_reach_nothing_of_the_outside() -> Result<()> {
    // For this platform alone: the others' crates need not even be downloaded.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--locked", "--filter-platform", &platform].map(str::to_owned);
    let metadata = MetadataCommand::new().other_options(options).exec()?;
    let pure = PURE.iter().map(|room| (*room, &IMPURE[..]));
    for (room, impure) in pure.chain([("store", &NOT_IN_THE_PORT[..])]) {
        if let Some(path) = path_to(&metadata, room, impure)? {
            let last = path.last().map_or("", String::as_str);
            panic!("{room} must not depend on {last} (it does so by {})", path.join(" → "));
        }
    }
    Ok(())
}

#[test]
fn the_rules_themselves_can_be_broken() {
    let broken = |room, used| broken_rule(room, used).unwrap_or_default();
    assert_eq!(broken("policy", "store"), "policy must not depend on store: it stands above it");
    assert_eq!(broken("client", "entra"), "client must not depend on entra: they stand side by side");
    assert_eq!(broken("client-cli", "store"), "client-cli must not depend on store");
    assert_eq!(broken("ca-server", "tests"), "ca-server must not depend on tests: it stands above it");
    assert_eq!(
        broken("ca-server", "entra-sim"),
        "ca-server must not depend on entra-sim: nothing we ship does"
    );
    assert_eq!(broken_rule("tests", "entra-sim"), None);
    assert_eq!(broken_rule("store", "audit"), None);
    assert_eq!(broken_rule("entra", "trust-roots"), None);
}

/// The rule that `room` breaks when it uses `used`, if it breaks one.
fn broken_rule(room: &str, used: &str) -> Option<String> {
    let arrow = format!("{room} must not depend on {used}");
    if ABOVE_ALL.contains(&room) {
        return None;
    }
    if ALONE.contains(&used) {
        return Some(format!("{arrow}: nothing we ship does"));
    }
    if FORBIDDEN.iter().any(|(from, to)| *from == room && to.contains(&used)) {
        return Some(arrow);
    }
    match row(used).cmp(&row(room)) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(format!("{arrow}: they stand side by side")),
        std::cmp::Ordering::Greater => Some(format!("{arrow}: it stands above it")),
    }
}

/// Counted from the lowest; what is in no row stands above all.
fn row(room: &str) -> usize {
    ROWS.iter().position(|row| row.contains(&room)).unwrap_or(ROWS.len())
}

fn metadata() -> Result<Metadata> {
    Ok(MetadataCommand::new().no_deps().exec()?)
}

/// The workspace's packages by their short names.
fn rooms(metadata: &Metadata) -> BTreeMap<String, &Package> {
    let members = metadata.workspace_packages();
    members.into_iter().map(|package| (short(package.name.as_str()).to_owned(), package)).collect()
}

fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

fn ours(package: &Package, kinds: &[DependencyKind]) -> Vec<String> {
    let used = package.dependencies.iter().filter(|used| used.path.is_some() && kinds.contains(&used.kind));
    used.map(|used| short(&used.name).to_owned()).collect()
}

/// The shortest chain of normal dependencies from a room to a crate of that name.
fn path_to(metadata: &Metadata, room: &str, names: &[&str]) -> Result<Option<Vec<String>>> {
    let resolve = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let name = |id: &PackageId| metadata[id].name.to_string();
    let start = &rooms(metadata).get(room).with_context(|| format!("there is no room {room}"))?.id;
    let mut seen = BTreeSet::from([start]);
    let mut queue = VecDeque::from([(start, vec![room.to_owned()])]);
    while let Some((id, path)) = queue.pop_front() {
        for dependency in &nodes.get(id).context("a package without a node")?.deps {
            if !dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal) {
                continue;
            }
            let mut path = path.clone();
            path.push(name(&dependency.pkg));
            if names.contains(&name(&dependency.pkg).as_str()) {
                return Ok(Some(path));
            }
            if seen.insert(&dependency.pkg) {
                queue.push_back((&dependency.pkg, path));
            }
        }
    }
    Ok(None)
}
