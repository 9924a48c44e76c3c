//! The binary, as other programs and people start it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::*;
use crate::recorder::Recorder;

/// A served tenant; the process ends with it.
struct Served {
    child: Child,
    issuer: String,
    dir: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already, which is the state wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-sim"));
    command.env_remove("SSL_CERT_FILE");
    command
}

fn serve(more: &[&str]) -> Served {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tenant.toml"), FILE).unwrap();
    let mut command = program();
    command
        .current_dir(dir.path())
        .args(["serve", "--tenant", "tenant.toml", "--listen", "127.0.0.1:0"])
        .args(more);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let issuer = line.trim_end().strip_prefix("issuer: ").unwrap().to_owned();
    Served { child, issuer, dir }
}

impl Served {
    async fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = program();
        command.current_dir(self.dir.path()).args(args).args(["--sim", &self.issuer]);
        command.envs(variables.iter().copied());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn serve_prints_the_issuer_with_the_real_port() {
    let served = serve(&[]);
    let base = served.issuer.strip_suffix(&format!("/{TENANT}/v2.0")).unwrap().to_owned();
    assert!(base.starts_with("http://127.0.0.1:") && !base.ends_with(":0"), "{base}");
    let url = format!("{}/.well-known/openid-configuration", served.issuer);
    let document: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], served.issuer);
}

#[tokio::test]
async fn commands_change_the_tenant_and_provision_tells_the_server() {
    let (served, recorder) = (serve(&[]), Recorder::start().await);
    std::fs::write(served.dir.path().join("token"), "s3cret\n").unwrap();
    let provision = ["provision", "--scim-url", &recorder.url, "--token", "@token", "--format", "json"];
    let first = served.run(&provision, &[]).await;
    assert!(first.status.success(), "{}", stderr(&first));
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((&report["cycle"], &report["users"]["created"]), (&"initial".into(), &2.into()));
    assert_eq!(recorder.take()[0].headers["authorization"], "Bearer s3cret");

    let added = served.run(&["user", "add", "--upn", "zoe@contoso.test", "--password", "p"], &[]).await;
    let zoe = String::from_utf8(added.stdout).unwrap().trim().to_owned();
    for change in [
        &["user", "set", MARA, "--enabled", "false"][..],
        &["group", "add-member", "ssh-prod-admins", &zoe],
        &["group", "remove-member", SRE, "mara.lind@contoso.test"],
    ] {
        let output = served.run(change, &[]).await;
        assert!(output.status.success(), "{change:?}: {}", stderr(&output));
    }
    let second = served.run(&provision, &[]).await;
    let report: Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!(report["users"]["disabled"], 1);
    assert_eq!(report["members"], serde_json::json!({ "added": 1, "removed": 1 }));

    recorder.fail("DELETE /Users", 500);
    served.run(&["user", "remove", &zoe, "--hard"], &[]).await;
    let failed = served.run(&provision, &[]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        stderr(&failed).contains("error: a request failed: DELETE /Users/scim-4 (zoe@contoso.test): 500")
    );
}

#[tokio::test]
async fn tls_needs_the_root_that_ssl_cert_file_names() {
    let served = serve(&["--tls-self-signed", "tls"]);
    assert!(served.issuer.starts_with("https://127.0.0.1:"));
    let change = ["user", "set", MARA, "--enabled", "false"];
    let blind = served.run(&change, &[]).await;
    assert_eq!(blind.status.code(), Some(1));
    assert!(stderr(&blind).contains("no answer from the simulator"), "{}", stderr(&blind));
    let trusting = served.run(&change, &[("SSL_CERT_FILE", "tls/root.pem")]).await;
    assert!(trusting.status.success(), "{}", stderr(&trusting));
}

#[tokio::test]
async fn mistakes_are_named() {
    let served = serve(&[]);
    let unknown = served.run(&["user", "set", "nobody@contoso.test", "--enabled", "false"], &[]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("no user \"nobody@contoso.test\""), "{}", stderr(&unknown));
    let nothing = served.run(&["user", "set", MARA], &[]).await;
    assert!(stderr(&nothing).contains("nothing to change"), "{}", stderr(&nothing));
    let file = served.dir.path().join("bad.toml");
    std::fs::write(&file, FILE.replace("upn = \"mara.lind@contoso.test\"", "upn = \"mara\"")).unwrap();
    let output = program().args(["serve", "--tenant"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("bad.toml") && text.contains("upn \"mara\""), "{text}");
}
