//! A CA that is wrong, or in other hands, says that a name or a number is somebody else's now. The host knows better.

use anyhow::{Result, ensure};
use sallyport_tests::PATIENCE;

use super::Stage;
use super::mini_ca::Engineer;

/// Grants this, and gives the codes and texts of what the host refuses of it.
fn refused(stage: &Stage, people: &[&Engineer]) -> Result<Vec<(String, String)>> {
    let report = stage.ca.applied(stage.ca.grant(people), PATIENCE)?;
    Ok(report.problems.into_iter().map(|problem| (problem.code, problem.detail)).collect())
}

fn codes(problems: &[(String, String)]) -> Vec<&str> {
    problems.iter().map(|(code, _)| code.as_str()).collect()
}

#[test]
fn a_name_or_number_that_was_somebodys_here_is_given_to_nobody_else_whatever_the_ca_says() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    stage.run()?;
    let ada = stage.engineer("ada", 70_001)?.with_gid(70_101);
    stage.grant(&[&ada])?;
    stage.ssh(&ada)?.run("echo mine >file; chmod 600 file")?.ok()?;

    let others = stage.lab.folder().join("others");
    std::fs::create_dir(&others)?;
    let other = |name, uid| Ok::<_, anyhow::Error>(stage.ca.engineer(&others, name, uid)?.with_sudo());
    let namesake = other("ada", 70_001)?;
    let renumbered = other("ada", 70_009)?;
    let same_uid = other("eve", 70_001)?;
    let gid_too = other("mel", 70_101)?;
    let gid_is_uid = other("kit", 70_010)?.with_gid(70_001);
    let lawful = other("zoe", 70_011)?;

    // While ada is here, after she left, and after somebody deleted her account by hand.
    for deed in ["true", "true", "userdel ada"] {
        stage.host.sh(deed)?;
        for thief in [&namesake, &renumbered] {
            let problems = refused(&stage, &[thief, &lawful])?;
            assert_eq!(codes(&problems), ["name_taken"], "{deed}: {problems:?}");
            ensure!(problems.iter().all(|(_, why)| why.contains("another person")), "{problems:?}");
            stage.ssh(thief)?.run("true")?.refused()?;
        }
        for thief in [&same_uid, &gid_too, &gid_is_uid] {
            let problems = refused(&stage, &[thief, &lawful])?;
            assert_eq!(codes(&problems), ["uid_conflict"], "{deed}: {problems:?}");
            stage.ssh(thief)?.run("true")?.refused()?;
            stage.host.exec(&["getent", "passwd", thief.name])?.refused()?;
        }
        // Nobody else suffers from it, and nobody got her files.
        stage.ssh(&lawful)?.run("sudo -n true")?.ok()?;
        let owner = stage.host.sh("stat -c '%u %g %a' /home/ada/file; cat /home/ada/file")?;
        assert_eq!(owner, "70001 70101 600\nmine", "{deed}");
        let sudo = stage.host.sh("cat /etc/sudoers.d/50-sallyport")?;
        ensure!(!sudo.contains("ada") && !sudo.contains("eve"), "{deed}: {sudo}");
    }

    // She comes back to what is hers.
    stage.grant(&[&ada, &lawful])?;
    let said = stage.ssh(&ada)?.run("id -u; id -g; cat file")?.ok()?;
    assert_eq!(said, "70001\n70101\nmine");
    stage.files_are_whole()
}

#[test]
fn one_snapshot_that_gives_a_name_or_number_to_two_gives_it_to_neither() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    stage.run()?;
    let others = stage.lab.folder().join("others");
    std::fs::create_dir(&others)?;
    let (ada, bob, cyd) =
        (stage.engineer("ada", 70_001)?, stage.engineer("bob", 70_002)?, stage.engineer("cyd", 70_003)?);
    let twin = stage.ca.engineer(&others, "ada", 70_004)?;
    let clash = stage.engineer("dan", 70_005)?.with_gid(70_002);
    let problems = refused(&stage, &[&ada, &bob, &cyd, &twin, &clash])?;
    // The two of one name are one complaint.
    assert_eq!(codes(&problems), ["name_taken"; 3], "{problems:?}");
    for nobody in [&ada, &bob, &twin, &clash] {
        stage.ssh(nobody)?.run("true")?.refused()?;
    }
    stage.ssh(&cyd)?.run("true")?.ok()?;
    stage.grant(&[&ada, &bob, &cyd])?;
    stage.ssh(&ada)?.run("true")?.ok()?;
    Ok(())
}
