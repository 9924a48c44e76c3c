//! The issuer goes away, comes back, and changes its keys.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use reqwest::Method;
use sallyport_entra_sim::MintRequest;
use sallyport_protocol::{ProblemCode, path};
use sallyport_tests::world::{self, CLIENT, TENANT};
use sallyport_tests::{Ca, Issuer, World, wait_until};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

use super::claims;

/// Longer than the issuer is ever left alone, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two logins while something is waited for.
const PAUSE: Duration = Duration::from_millis(500);

#[test]
fn unreachable_at_the_start_and_back_later() -> Result<()> {
    let (folder, runtime) = (tempfile::tempdir()?, world::runtime()?);
    // Bound, and not listening: the port is ours, and who connects is refused.
    let socket = runtime.block_on(async { TcpSocket::new_v4() })?;
    socket.bind("127.0.0.1:0".parse()?)?;
    let url = format!("http://{}/{TENANT}/v2.0", socket.local_addr()?);
    let mut ca = Ca::init(folder.path(), Issuer { client_id: CLIENT, tenant: TENANT, url: &url }, &[])?;
    ca.start()?;

    // A stand-in provisions people, and makes tokens in the issuer's name.
    let stand_in = runtime.block_on(async { world::simulator(TcpListener::bind("127.0.0.1:0").await?) })?;
    let world = World::around(folder, runtime, stand_in, ca)?;
    let someone = world.engineer("patient")?;
    for route in [path::BOOTSTRAP, path::HEALTH, path::READY, path::KRL, path::USER_KEYS] {
        assert_eq!(world.send(world.request(Method::GET, route))?.status, 200, "{route}");
    }
    let applicant = world.applicant()?;
    let token = world.mint(&someone, Some(&applicant.nonce()?), claims(json!({ "iss": url })))?;
    let problem = world.refused(&applicant.browser(&token)?, ProblemCode::IssuerUnreachable)?;
    assert!(problem.detail.contains("try again"), "{problem}");

    let back = world.wait(async { world::simulator(socket.listen(64)?) })?;
    let mut tenant = world.sim.tenant();
    // The copy has no passwords; nobody types one here.
    tenant.users.iter_mut().for_each(|user| user.password = sallyport_entra_sim::Password::new("x"));
    back.edit(|its| {
        *its = tenant;
        Ok(())
    })?;
    assert_eq!(back.issuer(), url);
    let (user, nonce) = (Some(someone.oid), Some(applicant.nonce()?));
    let token = back.mint(&MintRequest { user, nonce, ..MintRequest::default() })?;
    let request = applicant.browser(&token)?;
    let login = || {
        thread::sleep(PAUSE);
        world.issue(&request).ok()
    };
    wait_until("logins to work again", PATIENCE, login)?;
    Ok(())
}

#[test]
fn a_new_key_is_found_and_the_old_one_is_forgotten() -> Result<()> {
    let world = World::new(&[], &[])?;
    let someone = world.engineer("rotated")?;
    let (_, under_the_old_key) = world.sign_in(&someone)?;
    world.log_in(&someone)?;
    world.sim.rotate_keys(false)?;

    // The keys were fetched at the start: within the minute, no stranger's token makes the server fetch them again.
    let (applicant, request) = world.sign_in(&someone)?;
    world.refused(&request, ProblemCode::TokenInvalid)?;
    world.refused(&request, ProblemCode::TokenInvalid)?;
    let found = || {
        thread::sleep(PAUSE);
        world.issue(&request).ok()
    };
    let reply = wait_until("the new key to be found", PATIENCE, found)?;
    assert_eq!(world.record()?.certificates_for(&applicant.public_line()?), [reply.serial]);

    world.refused(&under_the_old_key, ProblemCode::TokenInvalid)?;
    Ok(())
}
