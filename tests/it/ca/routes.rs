//! The table of authorisation: every route of the network, tried without any right to it.

use anyhow::Result;
use reqwest::Method;
use sallyport_tests::World;
use serde_json::json;

/// Who a route is for, and so what a stranger gets from it.
#[derive(Clone, Copy, Debug)]
enum For {
    Anyone,
    /// Whoever has a token and a key; the request itself is the proof.
    SignedIn,
    Host,
    Scim,
    /// On the administrators' socket only.
    Nobody,
}

/// Every route, with the methods that it knows. `{id}` stands for any id.
const ROUTES: &[(&str, &[&str], For)] = &[
    ("/.well-known/sallyport", &["GET"], For::Anyone),
    ("/healthz", &["GET"], For::Anyone),
    ("/metrics", &["GET"], For::Anyone),
    ("/readyz", &["GET"], For::Anyone),
    ("/v1/ca/host-keys", &["GET"], For::Anyone),
    ("/v1/ca/user-keys", &["GET"], For::Anyone),
    ("/v1/krl", &["GET"], For::Anyone),
    ("/v1/certificates/user", &["POST"], For::SignedIn),
    ("/v1/hosts/enroll", &["POST"], For::Host),
    ("/v1/hosts/self/certificate", &["POST"], For::Host),
    ("/v1/hosts/self/report", &["POST"], For::Host),
    ("/v1/hosts/self/snapshot", &["GET"], For::Host),
    ("/scim/token", &["POST"], For::Scim),
    ("/scim/v2/", &["GET"], For::Scim),
    ("/scim/v2/.search", &["POST"], For::Scim),
    ("/scim/v2/Bulk", &METHODS, For::Scim),
    ("/scim/v2/Groups", &["GET", "POST"], For::Scim),
    ("/scim/v2/Groups/.search", &["POST"], For::Scim),
    ("/scim/v2/Groups/{id}", &["DELETE", "GET", "PATCH", "PUT"], For::Scim),
    ("/scim/v2/Me", &METHODS, For::Scim),
    ("/scim/v2/ResourceTypes", &["GET"], For::Scim),
    ("/scim/v2/ResourceTypes/{id}", &["GET"], For::Scim),
    ("/scim/v2/Schemas", &["GET"], For::Scim),
    ("/scim/v2/Schemas/{id}", &["GET"], For::Scim),
    ("/scim/v2/ServiceProviderConfig", &["GET"], For::Scim),
    ("/scim/v2/Users", &["GET", "POST"], For::Scim),
    ("/scim/v2/Users/.search", &["POST"], For::Scim),
    ("/scim/v2/Users/{id}", &["DELETE", "GET", "PATCH", "PUT"], For::Scim),
    ("/api/v1/audit", &["GET"], For::Nobody),
    ("/api/v1/audit/verify", &["GET"], For::Nobody),
    ("/api/v1/connections", &["GET", "POST"], For::Nobody),
    ("/api/v1/connections/{id}", &["DELETE", "PATCH"], For::Nobody),
    ("/api/v1/directory", &["GET"], For::Nobody),
    ("/api/v1/directory/{id}", &["DELETE", "GET"], For::Nobody),
    ("/api/v1/directory/{id}/link", &["GET", "POST"], For::Nobody),
    ("/api/v1/doctor", &["GET"], For::Nobody),
    ("/api/v1/enroll-tokens", &["GET", "POST"], For::Nobody),
    ("/api/v1/enroll-tokens/{id}", &["DELETE"], For::Nobody),
    ("/api/v1/grants", &["GET", "POST"], For::Nobody),
    ("/api/v1/grants/{id}", &["DELETE"], For::Nobody),
    ("/api/v1/groups", &["GET"], For::Nobody),
    ("/api/v1/hosts", &["GET"], For::Nobody),
    ("/api/v1/hosts/{id}", &["DELETE"], For::Nobody),
    ("/api/v1/provisioning", &["GET"], For::Nobody),
    ("/api/v1/names", &["GET"], For::Nobody),
    ("/api/v1/names/adoptions", &["DELETE", "GET", "POST"], For::Nobody),
    ("/api/v1/names/groups", &["GET"], For::Nobody),
    ("/api/v1/names/apply", &["POST"], For::Nobody),
    ("/api/v1/names/approve", &["POST"], For::Nobody),
    ("/api/v1/names/assign", &["POST"], For::Nobody),
    ("/api/v1/names/keep", &["POST"], For::Nobody),
    ("/api/v1/names/preview", &["POST"], For::Nobody),
    ("/api/v1/names/release", &["POST"], For::Nobody),
    ("/api/v1/names/reserved", &["GET"], For::Nobody),
    ("/api/v1/scim-tokens", &["GET", "POST"], For::Nobody),
    ("/api/v1/scim-tokens/{id}", &["DELETE", "PATCH"], For::Nobody),
    ("/api/v1/users", &["GET"], For::Nobody),
];

const ID: &str = "01JABCDEFGHJKMNPQRSTVWXYZ0";
const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/// Headers that are worth nothing here.
fn worthless(world: &World) -> Vec<Option<String>> {
    let signature = "Sallyport v1,key=SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU,ts=1800000000,\
                     nonce=0123456789abcdef,sig=AAAA";
    let other = format!("Bearer {}x", world.scim_token);
    let basic = format!("Basic {}", world.scim_token);
    let texts = ["Bearer ", "Bearer nonsense", &other, &basic, "Sallyport v1", signature];
    std::iter::once(None).chain(texts.iter().map(|text| Some((*text).to_owned()))).collect()
}

#[test]
fn every_route_without_rights() -> Result<()> {
    let world = World::shared()?;
    for (route, known, who) in ROUTES {
        let path = route.replace("{id}", ID);
        for method in METHODS {
            for header in worthless(&world) {
                let mut request = world.request(method.parse()?, &path).body(body(route));
                if let Some(header) = &header {
                    request = request.header("authorization", header);
                }
                let answer = world.send(request)?;
                let status = expected(*who, known.contains(&method));
                assert_eq!(answer.status, status, "{method} {path} with {header:?}: {}", answer.text());
                if status == 401 {
                    assert!(!answer.header("www-authenticate").is_empty(), "{method} {path}");
                }
            }
        }
    }
    Ok(())
}

/// Enrolment brings the key that must have signed it, so that a signature is looked at only with a body that parses.
fn body(route: &str) -> String {
    if route != "/v1/hosts/enroll" {
        return "{}".to_owned();
    }
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5MoLA2VIzBb1KzEzSJVVgOEAS7Aqk0WxqwhCz6vDQv";
    json!({ "token": "x", "names": ["a.corp.test"], "machine_key": key, "host_key": key,
        "host_key_signature": "" })
    .to_string()
}

fn expected(who: For, method_is_known: bool) -> u16 {
    match (who, method_is_known) {
        (For::Nobody, _) => 404,
        (_, false) => 405,
        (For::Anyone, _) => 200,
        (For::SignedIn, _) => 400,
        (For::Host | For::Scim, _) => 401,
    }
}

/// A route without a row would be a route that nobody tried.
#[test]
fn every_route_has_a_row() -> Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ca-server/src/http");
    let mut routes = 0;
    for folder in [folder.to_owned(), format!("{folder}/scim")] {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                routes += std::fs::read_to_string(path)?.matches(".route(").count();
            }
        }
    }
    assert_eq!(routes, ROUTES.len(), "a route came or went: give it a row in ROUTES, or take its row away");
    Ok(())
}

#[test]
fn a_scim_token_opens_nothing_else() -> Result<()> {
    let world = World::shared()?;
    for (route, known, who) in ROUTES {
        if matches!(who, For::Host | For::Nobody) {
            let path = route.replace("{id}", ID);
            let request = world.request(known[0].parse()?, &path).bearer_auth(&world.scim_token).body("{}");
            let status = world.send(request)?.status;
            assert_eq!(status, expected(*who, true), "{path}");
        }
    }
    Ok(())
}

#[test]
fn an_enrolment_token_opens_no_directory() -> Result<()> {
    let world = World::shared()?;
    let token = world.ca.command(&["enroll-token", "create", "--name", "*.corp.test"])?.ok()?;
    let answer = world.send(world.request(Method::GET, "/scim/v2/Users").bearer_auth(&token))?;
    assert_eq!(answer.status, 401);
    Ok(())
}

#[test]
fn a_listener_serves_its_surfaces_only() -> Result<()> {
    let mut world = World::new(&[], &[])?;
    let file = world.ca.folder().join("sallyport.toml");
    let text = std::fs::read_to_string(&file)?;
    let narrow = text.replace(r#"["login", "scim", "hosts", "ops"]"#, r#"["ops"]"#);
    assert_ne!(text, narrow);
    std::fs::write(&file, narrow)?;
    world.ca.stop()?;
    world.ca.start()?;
    for (route, known, _) in ROUTES {
        let path = route.replace("{id}", ID);
        let request = world.request(known[0].parse()?, &path).bearer_auth(&world.scim_token);
        let answer = world.send(request.json(&json!({})))?;
        let wanted = if ["/healthz", "/metrics", "/readyz"].contains(route) { 200 } else { 404 };
        assert_eq!(answer.status, wanted, "{path}");
    }
    Ok(())
}
