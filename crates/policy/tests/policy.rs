//! The rules of who gets in, as tables and as properties.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sallyport_domain::{
    ConflictReason, Extension, GrantId, GroupId, Lifetime, PosixGroups, PosixName, Principal, Tags, UserId,
    UserState,
};
use sallyport_policy::{
    Access, Ask, Denial, DevicePolicy, Entitlement, Grant, Limits, Login, Person, Resident, decide,
    host_access,
};

const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rng(seed: u8) -> ChaCha8Rng {
    ChaCha8Rng::from_seed([seed; 32])
}

fn group(seed: u8) -> GroupId {
    GroupId::generate(at(1), &mut rng(seed))
}

fn user(seed: u8) -> UserId {
    UserId::generate(at(1), &mut rng(seed))
}

fn tags(texts: &[&str]) -> Tags {
    Tags::new(texts.iter().map(|text| text.parse().unwrap())).unwrap()
}

fn grant(group: GroupId, selector: &[&str], sudo: bool) -> Grant {
    Grant {
        id: GrantId::generate(at(1), &mut rng(200)),
        group,
        tags: tags(selector),
        sudo,
        posix_groups: PosixGroups::default(),
        extensions: BTreeSet::new(),
    }
}

fn giving(managed: &[&str], local: &[&str], grant: Grant) -> Grant {
    let names = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Grant { posix_groups: PosixGroups { managed: names(managed), local: names(local) }, ..grant }
}

fn person() -> Person {
    Person {
        user: user(1),
        state: UserState::Active,
        reason: None,
        guest: false,
        name: Some("mara.lind".parse().unwrap()),
        groups: [group(1), group(2)].into(),
        assigned: BTreeSet::new(),
    }
}

fn grants() -> Vec<Grant> {
    vec![grant(group(1), &["env=prod"], false)]
}

fn ask(login: Login, ttl: impl Into<Option<u64>>) -> Ask {
    Ask { login, ttl: ttl.into() }
}

fn renewal(signed_in_at: i64) -> Login {
    Login::Renewal { signed_in_at: at(signed_in_at), by_device: false }
}

fn open_limits() -> Limits {
    Limits { device: DevicePolicy::On, ..Limits::default() }
}

fn decided(ask: &Ask) -> Result<Entitlement, Denial> {
    decide(&person(), &grants(), ask, &open_limits(), at(NOW))
}

fn texts(entitlement: &Entitlement) -> Vec<String> {
    entitlement.principals.to_strings()
}

#[test]
fn an_ordinary_login_gets_sixteen_hours() {
    let entitlement = decided(&ask(Login::Browser, None)).unwrap();
    assert_eq!(entitlement.lifetime.to_string(), "16h");
    assert_eq!(entitlement.valid_before, at(NOW + 16 * HOUR));
    assert_eq!(entitlement.extensions, Extension::DEFAULT.into());
    assert_eq!(texts(&entitlement), ["mara.lind".to_owned(), format!("u:{}", user(1))]);
}

/// Login, asked seconds, granted seconds or the ceiling that refuses.
#[test]
fn lifetimes_are_granted_or_refused_and_only_the_default_gives_way() {
    let six_days_and_20_hours_ago = renewal(NOW - 7 * DAY + 4 * HOUR);
    let rows: [(Login, Option<u64>, Result<u32, u32>); 14] = [
        (Login::Browser, Some(300), Ok(300)),
        (Login::Browser, Some(24 * 3600), Ok(24 * 3600)),
        (Login::Browser, Some(24 * 3600 + 1), Err(24 * 3600)),
        (Login::Browser, Some(u64::MAX), Err(24 * 3600)),
        (Login::Device, None, Ok(4 * 3600)),
        (Login::Device, Some(4 * 3600), Ok(4 * 3600)),
        (Login::Device, Some(4 * 3600 + 1), Err(4 * 3600)),
        (renewal(NOW - DAY), None, Ok(16 * 3600)),
        (renewal(NOW - DAY), Some(24 * 3600), Ok(24 * 3600)),
        (six_days_and_20_hours_ago, None, Ok(4 * 3600)),
        (six_days_and_20_hours_ago, Some(4 * 3600), Ok(4 * 3600)),
        (six_days_and_20_hours_ago, Some(4 * 3600 + 1), Err(4 * 3600)),
        (renewal(NOW - 7 * DAY + 300), None, Ok(300)),
        // A clock that was ahead at sign-in does not make the session longer.
        (renewal(NOW + 30 * DAY), Some(24 * 3600 + 1), Err(24 * 3600)),
    ];
    for (login, ttl, expected) in rows {
        let found = decided(&ask(login, ttl)).map(|entitlement| entitlement.lifetime.seconds());
        let expected = expected.map_err(|longest| Denial::LifetimeTooLong {
            asked: ttl.unwrap_or(0),
            longest: Lifetime::from_seconds(longest.into()).unwrap(),
        });
        assert_eq!(found, expected, "{login:?} {ttl:?}");
    }
    for short in [0, 1, 299] {
        assert_eq!(decided(&ask(Login::Browser, short)), Err(Denial::LifetimeTooShort { asked: short }));
    }
}

#[test]
fn the_site_may_set_a_default_above_its_ceiling() {
    let limits = Limits { ttl_max: Lifetime::from_seconds(3600).unwrap(), ..open_limits() };
    for login in [Login::Browser, Login::Device, renewal(NOW - DAY)] {
        let entitlement = decide(&person(), &grants(), &ask(login, None), &limits, at(NOW)).unwrap();
        assert_eq!(entitlement.lifetime.to_string(), "1h");
    }
}

#[test]
fn a_session_ends_seven_days_after_the_sign_in() {
    for signed_in_at in [NOW - 7 * DAY + 299, NOW - 7 * DAY, NOW - 70 * DAY] {
        let ended = Denial::SessionEnded { at: at(signed_in_at + 7 * DAY) };
        assert_eq!(decided(&ask(renewal(signed_in_at), None)), Err(ended));
        assert_eq!(decided(&ask(renewal(signed_in_at), 300)), Err(ended));
    }
    let by_device = Login::Renewal { signed_in_at: at(NOW - HOUR), by_device: true };
    assert_eq!(decided(&ask(by_device, None)), Err(Denial::DeviceSession));
}

#[test]
fn each_state_has_its_denial() {
    let reason = Some(ConflictReason::NameTaken);
    let rows = [
        (Person { state: UserState::Gone, ..person() }, Denial::Gone),
        (Person { state: UserState::Suspended, ..person() }, Denial::Suspended),
        (
            Person { state: UserState::Suspended, reason: Some(ConflictReason::OutOfScope), ..person() },
            Denial::OutOfScope,
        ),
        (Person { state: UserState::Conflict, reason, ..person() }, Denial::Conflict { reason }),
        (Person { guest: true, ..person() }, Denial::Guest),
        (Person { groups: BTreeSet::new(), ..person() }, Denial::NoGrant),
        (Person { groups: [group(3)].into(), ..person() }, Denial::NoGrant),
        (
            Person { name: Some("postgres".parse().unwrap()), ..person() },
            Denial::Conflict { reason: Some(ConflictReason::NameReserved) },
        ),
    ];
    for (person, denial) in rows {
        let found = decide(&person, &grants(), &ask(Login::Browser, None), &open_limits(), at(NOW));
        assert_eq!(found, Err(denial));
    }
    let limits = Limits { guests: true, ..open_limits() };
    assert!(
        decide(&Person { guest: true, ..person() }, &grants(), &ask(Login::Browser, None), &limits, at(NOW))
            .is_ok()
    );
}

#[test]
fn device_login_is_off_unless_the_site_says_otherwise() {
    let with = |device: DevicePolicy| {
        let limits = Limits { device, ..Limits::default() };
        decide(&person(), &grants(), &ask(Login::Device, None), &limits, at(NOW))
    };
    assert_eq!(with(DevicePolicy::default()), Err(Denial::DeviceLoginOff));
    assert_eq!(with(DevicePolicy::Groups([group(3)].into())), Err(Denial::DeviceLoginOff));
    assert_eq!(with(DevicePolicy::Groups(BTreeSet::new())), Err(Denial::DeviceLoginOff));
    assert!(with(DevicePolicy::Groups([group(2)].into())).is_ok());
    assert!(with(DevicePolicy::On).is_ok());
}

#[test]
fn principals_are_the_id_the_name_and_what_was_assigned() {
    let other = Principal::from(user(9));
    let assigned: BTreeSet<Principal> =
        ["g:sre".parse().unwrap(), "root".parse().unwrap(), other.clone()].into();
    let with = |name: Option<&str>, posix_name: bool| {
        let person =
            Person { name: name.map(|n| n.parse().unwrap()), assigned: assigned.clone(), ..person() };
        let limits = Limits { posix_name, ..open_limits() };
        texts(&decide(&person, &grants(), &ask(Login::Browser, None), &limits, at(NOW)).unwrap())
    };
    let id = format!("u:{}", user(1));
    assert_eq!(with(Some("mara.lind"), true), ["g:sre".to_owned(), "mara.lind".to_owned(), id.clone()]);
    assert_eq!(with(Some("mara.lind"), false), ["g:sre".to_owned(), id.clone()]);
    assert_eq!(with(None, true), ["g:sre".to_owned(), id]);
}

#[test]
fn more_principals_than_sshd_reads_are_refused() {
    let assigned = (0..255).map(|n| format!("g:{n}").parse().unwrap()).collect();
    let person = Person { assigned, ..person() };
    let found = decide(&person, &grants(), &ask(Login::Browser, None), &open_limits(), at(NOW));
    assert_eq!(found, Err(Denial::TooManyPrincipals { found: 257 }));
}

#[test]
fn extensions_come_by_the_grants_of_ones_own_groups() {
    let with = |seed: u8, extension| Grant {
        extensions: [extension].into(),
        ..grant(group(seed), &["env=prod"], false)
    };
    let grants =
        [with(1, Extension::AgentForwarding), with(2, Extension::UserRc), with(3, Extension::X11Forwarding)];
    let entitlement =
        decide(&person(), &grants, &ask(Login::Browser, None), &open_limits(), at(NOW)).unwrap();
    let names: Vec<&str> = entitlement.extensions.iter().map(|extension| extension.as_str()).collect();
    assert_eq!(names, ["permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc"]);
}

// === hosts ===

fn resident(seed: u8, name: &str) -> Resident {
    Resident {
        user: user(seed),
        state: UserState::Active,
        name: name.parse().unwrap(),
        uid: (70_000 + u32::from(seed)).try_into().unwrap(),
        gid: (70_000 + u32::from(seed)).try_into().unwrap(),
        label: name.to_uppercase(),
    }
}

fn names(access: &[Access]) -> Vec<(&str, bool)> {
    access.iter().map(|access| (access.name.as_str(), access.sudo)).collect()
}

#[test]
fn a_host_lets_in_whom_a_grant_leads_to_it() {
    let (zoe, mara, ida) = (resident(1, "zoe"), resident(2, "mara"), resident(3, "ida"));
    let grants = [
        grant(group(1), &["env=prod"], false),
        grant(group(2), &["env=prod", "role=web"], true),
        grant(group(3), &["env=stage"], true),
    ];
    let memberships =
        || [(group(1), &zoe), (group(1), &mara), (group(2), &zoe), (group(3), &ida), (group(4), &ida)];
    let on = |host: &[&str]| host_access(&tags(host), &grants, memberships());
    assert_eq!(names(&on(&["env=prod"])), [("mara", false), ("zoe", false)]);
    assert_eq!(names(&on(&["env=prod", "role=web"])), [("mara", false), ("zoe", true)]);
    assert_eq!(names(&on(&["env=stage", "role=web"])), [("ida", true)]);
    assert_eq!(names(&on(&[])), []);
    let first = on(&["env=prod"]).remove(0);
    assert_eq!((first.user, first.uid, first.label), (mara.user, mara.uid, "MARA".to_owned()));
}

#[test]
fn people_are_in_the_posix_groups_of_the_grants_that_lead_there() {
    let (zoe, mara) = (resident(1, "zoe"), resident(2, "mara"));
    let grants = [
        giving(&["research"], &["adm"], grant(group(1), &["env=prod"], false)),
        giving(&["research", "print"], &["docker"], grant(group(2), &["env=prod", "role=web"], false)),
        giving(&["night"], &[], grant(group(2), &["env=stage"], false)),
    ];
    let memberships = || [(group(1), &zoe), (group(1), &mara), (group(2), &zoe)];
    let on = |host: &[&str]| {
        let text = |names: &BTreeSet<PosixName>| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let access = host_access(&tags(host), &grants, memberships());
        let of = |one: &Access| {
            (one.name.to_string(), text(&one.posix_groups.managed), text(&one.posix_groups.local))
        };
        access.iter().map(of).collect::<Vec<_>>()
    };
    let words = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (research, adm) = (words(&["research"]), words(&["adm"]));
    assert_eq!(
        on(&["env=prod"]),
        [("mara".into(), research.clone(), adm.clone()), ("zoe".into(), research.clone(), adm.clone())]
    );
    assert_eq!(
        on(&["env=prod", "role=web"]),
        [
            ("mara".into(), research, adm),
            ("zoe".into(), words(&["print", "research"]), words(&["adm", "docker"]))
        ]
    );
    assert_eq!(on(&["env=stage"]), [("zoe".into(), words(&["night"]), words(&[]))]);
}

#[test]
fn a_grant_without_tags_reaches_no_host() {
    let zoe = resident(1, "zoe");
    let grants = [grant(group(1), &[], true)];
    for host in [&[][..], &["env=prod"]] {
        assert_eq!(host_access(&tags(host), &grants, [(group(1), &zoe)]), []);
    }
    let certificate = decide(&person(), &grants, &ask(Login::Browser, None), &open_limits(), at(NOW));
    assert_eq!(certificate, Err(Denial::NoGrant));
}

#[test]
fn only_active_people_with_names_of_people_get_in() {
    let mut rows: Vec<Resident> = [UserState::Conflict, UserState::Gone, UserState::Suspended]
        .map(|state| Resident { state, ..resident(1, "zoe") })
        .into();
    rows.push(resident(1, "deploy"));
    let grants = [grant(group(1), &["env=prod"], true)];
    for row in rows {
        assert_eq!(host_access(&tags(&["env=prod"]), &grants, [(group(1), &row)]), [], "{row:?}");
    }
}

// === properties ===

fn any_login() -> impl Strategy<Value = Login> {
    prop_oneof![
        Just(Login::Browser),
        Just(Login::Device),
        (-10 * DAY..2 * DAY, any::<bool>(), 0..1_000_000_000_i32).prop_map(|(ago, by_device, nanosecond)| {
            Login::Renewal { signed_in_at: Timestamp::new(NOW + ago, nanosecond).unwrap(), by_device }
        }),
    ]
}

prop_compose! {
    fn any_limits()(
        ttl_default in 300_u64..200_000, ttl_max in 300_u64..200_000, device_max in 300_u64..200_000,
        renewal_until in 300_u64..900_000, device in any::<bool>(), posix_name in any::<bool>(), guests in any::<bool>(),
    ) -> Limits {
        let lifetime = |seconds| Lifetime::from_seconds(seconds).unwrap();
        Limits {
            ttl_default: lifetime(ttl_default),
            ttl_max: lifetime(ttl_max),
            device_max: lifetime(device_max),
            renewal_until: lifetime(renewal_until),
            device: if device { DevicePolicy::On } else { DevicePolicy::Off },
            posix_name,
            guests,
        }
    }
}

fn any_state() -> impl Strategy<Value = UserState> {
    prop_oneof![
        4 => Just(UserState::Active),
        1 => Just(UserState::Conflict),
        1 => Just(UserState::Gone),
        1 => Just(UserState::Suspended),
    ]
}

prop_compose! {
    fn any_person()(groups in prop::collection::btree_set(0_u8..6, 0..4), state in any_state(), guest in any::<bool>()) -> Person {
        Person { groups: groups.into_iter().map(group).collect(), state, guest, ..person() }
    }
}

fn any_grants() -> impl Strategy<Value = Vec<Grant>> {
    prop::collection::vec((0_u8..6, any::<bool>()), 0..4).prop_map(|rows| {
        rows.into_iter().map(|(seed, sudo)| grant(group(seed), &["env=prod"], sudo)).collect()
    })
}

proptest! {
    #[test]
    fn no_grant_no_certificate(
        person in any_person(), grants in any_grants(), login in any_login(), ttl in any::<Option<u64>>(), limits in any_limits(),
    ) {
        let granted = grants.iter().any(|grant| person.groups.contains(&grant.group));
        let decided = decide(&person, &grants, &Ask { login, ttl }, &limits, at(NOW));
        prop_assert!(granted || decided.is_err());
        prop_assert!(person.state == UserState::Active || decided.is_err());
        prop_assert!(limits.guests || !person.guest || decided.is_err());
    }

    #[test]
    fn no_lifetime_is_over_any_ceiling(
        login in any_login(), ttl in proptest::option::of(0_u64..300_000), limits in any_limits(), nanosecond in 0..1_000_000_000_i32,
    ) {
        let now = Timestamp::new(NOW, nanosecond).unwrap();
        if let Ok(entitlement) = decide(&person(), &grants(), &Ask { login, ttl }, &limits, now) {
            prop_assert!(entitlement.lifetime <= limits.ttl_max);
            prop_assert!(entitlement.lifetime >= Lifetime::SHORTEST);
            prop_assert!(ttl.is_none_or(|asked| asked == u64::from(entitlement.lifetime.seconds())));
            prop_assert!(ttl.is_some() || entitlement.lifetime <= limits.ttl_default);
            let seconds = entitlement.valid_before.duration_since(now).as_secs();
            prop_assert_eq!(seconds, i64::from(entitlement.lifetime.seconds()));
            match login {
                Login::Browser => {}
                Login::Device => {
                    prop_assert!(limits.device == DevicePolicy::On);
                    prop_assert!(entitlement.lifetime <= limits.device_max);
                }
                Login::Renewal { signed_in_at, by_device } => {
                    let outlives = entitlement.valid_before.duration_since(signed_in_at).as_secs_f64();
                    prop_assert!(!by_device);
                    prop_assert!(outlives <= f64::from(limits.renewal_until.seconds()));
                }
            }
        }
    }

    #[test]
    fn a_host_lets_in_nobody_whom_no_grant_names(
        grants in any_grants(), rows in prop::collection::vec((0_u8..6, 1_u8..5, any_state()), 0..12),
    ) {
        let residents: Vec<(GroupId, Resident)> = rows
            .into_iter()
            .map(|(seed, who, state)| (group(seed), Resident { state, ..resident(who, &format!("p{who}")) }))
            .collect();
        let access = host_access(&tags(&["env=prod"]), &grants, residents.iter().map(|(group, who)| (*group, who)));
        prop_assert!(access.is_sorted_by(|one, other| one.name < other.name));
        for entry in &access {
            let reason = |sudo: bool| residents.iter().any(|(group, who)| {
                who.user == entry.user
                    && who.state == UserState::Active
                    && grants.iter().any(|grant| grant.group == *group && (grant.sudo || !sudo))
            });
            prop_assert!(reason(false));
            prop_assert_eq!(entry.sudo, reason(true));
        }
    }
}
