use jiff::SignedDuration;

use super::*;
use crate::config::{DeviceLogin, Tls, entra_issuer};

const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";

fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sallyport.toml");
    std::fs::write(&path, text).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(&path, environment).map_err(|error| error.to_string())
}

fn good() -> String {
    super::super::raw::template(&super::super::raw::Template {
        tenant: TENANT,
        client_id: "c11e0001-5a5a-4b4b-8c8c-0000000000c1",
        issuer: &entra_issuer(TENANT),
        host_domains: &["*.contoso.test".into()],
        device: "off",
        address: "127.0.0.1:8443",
        tls_names: &[],
    })
}

#[test]
fn what_init_writes_is_what_the_server_reads() {
    let config = load_text(&good(), &[]).unwrap();
    assert_eq!(config.login.device, DeviceLogin::Off);
    assert_eq!(config.certificates.user_ttl, SignedDuration::from_hours(16));
    assert_eq!(config.listen[0].tls, Tls::Plain);
    assert!(config.principals.posix_name);
}

#[test]
fn a_bare_file_name_lies_in_the_current_directory() {
    let config = check_text(Path::new("sallyport.toml"), &good()).unwrap();
    assert_eq!(config.directory, std::path::absolute(".").unwrap());
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = [
        ("SALLYPORT_CA_LOGIN_DEVICE", "on"),
        ("SALLYPORT_CA_LOGIN_GUESTS", "true"),
        ("SALLYPORT_CA_CONFIG", "x"),
    ];
    let config = load_text(&good(), &environment).unwrap();
    assert_eq!(config.login.device, DeviceLogin::On);
    assert!(config.login.guests);
}

#[test]
fn every_problem_is_named_at_once() {
    let text = good()
        .replace(TENANT, "contoso")
        .replace("# lease = \"72h\"", "lease = \"5s\"")
        .replace("# user_ttl_max = \"24h\"", "user_ttl_max = \"48h\"");
    let error = load_text(&text, &[]).unwrap_err();
    for part in ["ca.tenant", "hosts.lease", "certificates.user_ttl_max", "10s"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn contradictions_are_refused_with_their_field() {
    let cases = [
        ("device = \"off\"", "device = \"groups\"", "login.device_groups"),
        ("device = \"off\"", "device = \"maybe\"", "login.device"),
        ("device = \"off\"", "device = \"on\"\ndevice_groups = [\"sre\"]", "login.device_groups"),
        ("# user_ttl = \"16h\"", "user_ttl = \"16h\"\nuser_ttl_max = \"8h\"", "certificates.user_ttl"),
        ("address = \"127.0.0.1:8443\"", "address = \"localhost\"", "listen[0].address"),
        ("\"login\", \"scim\"", "\"admin\", \"scim\"", "listen[0].surfaces"),
        ("*.contoso.test", "*", "ca.host_domains"),
        ("c11e0001-5a5a-4b4b-8c8c-0000000000c1", "sallyport", "ca.client_id"),
        ("# guests = false", "gusts = true", "login.gusts"),
        ("https://login.microsoftonline.com", "http://login.microsoftonline.com", "ca.issuer"),
        ("# tls_key", "tls_key", "listen[0].tls_key"),
        ("# proxies = [\"127.0.0.1\"]", "proxies = [\"proxy\"]", "listen[0].proxies"),
    ];
    for (from, to, field) in cases {
        let text = good().replacen(from, to, 1);
        assert_ne!(text, good(), "{from} is not in the template");
        let error = load_text(&text, &[]).unwrap_err();
        assert!(error.contains(field), "{field} is missing in: {error}");
    }
}

#[test]
fn other_providers_may_have_other_client_ids() {
    let text = good()
        .replace("c11e0001-5a5a-4b4b-8c8c-0000000000c1", "sallyport")
        .replace("https://login.microsoftonline.com", "https://login.example.test");
    assert_eq!(load_text(&text, &[]).unwrap().ca.client_id, "sallyport");
}

#[test]
fn init_is_told_of_flags_and_of_no_file() {
    let text = good().replace(TENANT, "contoso").replace("*.contoso.test", "*");
    let error = check_text(Path::new("/nowhere/sallyport.toml"), &text).unwrap_err().to_string();
    for part in ["--tenant", "--host-domain"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    assert!(!error.contains("nowhere") && !error.contains("ca.tenant"), "{error}");
}

#[test]
fn off_loopback_the_private_root_serves() {
    let text = good().replace("127.0.0.1:8443", "0.0.0.0:8443");
    assert!(matches!(load_text(&text, &[]).unwrap().listen[0].tls, Tls::Private { .. }));
}
