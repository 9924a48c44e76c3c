//! The token endpoint: three grants, one answer.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::claims::{self, Stamp};
use crate::core::{Authority, Core};
use crate::errors::{Refusal, Trace};
use crate::grants::{self, Granted};
use crate::jwt;
use crate::params::Params;
use crate::scope::Scopes;
use crate::signin;
use crate::tenant::Tenant;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The grant's name before RFC 8628, which Microsoft's Node.js library still sends.
const DEVICE_GRANT_OLD: &str = "device_code";

pub(crate) async fn token(
    State(core): State<Arc<Core>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trace = Trace::new(core.base(), core.now(), &headers);
    match exchange(&core, &path, &headers, &body, &trace) {
        Ok(answer) => {
            let no_store = [(header::CACHE_CONTROL, "no-store, no-cache"), (header::PRAGMA, "no-cache")];
            (no_store, Json(answer)).into_response()
        }
        Err(refusal) => trace.refuse(&refusal),
    }
}

fn exchange(
    core: &Core,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
    trace: &Trace,
) -> Result<Value, Refusal> {
    let params = Params::read(None, body)?;
    let grant_type = params.need("grant_type")?;
    check_client(&core.state().tenant, path, &params, headers)?;
    let mut granted = match grant_type {
        "authorization_code" => {
            let (secret, redirect_uri) = (params.need("code")?, params.need("redirect_uri")?);
            let verifier = params.need("code_verifier")?;
            core.state().grants.redeem_code(secret, redirect_uri, verifier, trace.now)?
        }
        "refresh_token" => {
            let token = params.need("refresh_token")?;
            let granted = core.state().grants.refresh(token, trace.now)?;
            // A refreshed ID token answers no authorization request: Entra gives it no nonce.
            Granted { nonce: None, ..granted }
        }
        DEVICE_GRANT | DEVICE_GRANT_OLD => {
            public_flows_allowed(&core.state().tenant)?;
            let device_code = params.get("device_code").or(params.get("code"));
            let device_code = device_code.ok_or(Refusal::MissingParameter("device_code"))?;
            core.state().grants.poll_device(device_code, trace.now)?
        }
        other => return Err(Refusal::UnsupportedGrant(other.to_owned())),
    };
    if let Some(scope) = params.get("scope") {
        granted.scopes = Scopes::parse(scope);
    }
    answer(core, &granted, &params, &Stamp::new(trace.now))
}

fn answer(core: &Core, granted: &Granted, params: &Params, stamp: &Stamp) -> Result<Value, Refusal> {
    let mut state = core.state();
    let state = &mut *state;
    let key = state.keys.current();
    let tenant = &state.tenant;
    let user = signin::standing(tenant, &granted.sign_in)?;
    // Entra's access tokens live 60 to 90 minutes, chosen at random.
    let lifetime: i64 = rand::rngs::OsRng.gen_range(3600..5400);
    let access = claims::graph_access_token(tenant, user, &granted.scopes, stamp, lifetime);
    let access = jwt::encode_unverifiable(&access, &grants::secret(), &key);
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("token_type", json!("Bearer"));
    put("scope", json!(granted.scopes.granted()));
    put("expires_in", json!(lifetime));
    put("ext_expires_in", json!(lifetime));
    put("access_token", json!(access));
    if granted.scopes.has("openid") {
        let issuer = core.issuer(tenant.tenant);
        let nonce = granted.nonce.as_deref();
        let claims = claims::id_token(tenant, &issuer, user, &granted.sign_in, &granted.scopes, nonce, stamp);
        put("id_token", json!(jwt::encode(&jwt::header(&key), &claims, &key)));
    }
    if params.get("client_info") == Some("1") {
        put("client_info", json!(client_info(user.oid, tenant.tenant)));
    }
    if granted.scopes.has("offline_access") || params.get("refresh_token").is_some() {
        put("refresh_token", json!(state.grants.refresh_token(granted.clone(), stamp.now)));
    }
    state.grants.remember_access(&access, granted.clone(), stamp.now, lifetime);
    Ok(Value::Object(body))
}

/// What Microsoft's libraries key an account on.
pub(crate) fn client_info(oid: Uuid, tenant: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "uid": oid, "utid": tenant }).to_string())
}

/// The application must be the registered one, and as a public client it must not bring a secret.
pub(crate) fn check_client(
    tenant: &Tenant,
    path: &str,
    params: &Params,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    Authority::single(path, tenant)?;
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::SecretFromPublicClient);
    }
    let client_id = params.need("client_id")?;
    if !client_id.eq_ignore_ascii_case(&tenant.client_id.to_string()) {
        return Err(Refusal::UnknownClient(client_id.to_owned()));
    }
    if params.get("client_secret").or(params.get("client_assertion")).is_some() {
        return Err(Refusal::SecretFromPublicClient);
    }
    Ok(())
}

/// "Allow public client flows" concerns the flows without a redirect.
pub(crate) fn public_flows_allowed(tenant: &Tenant) -> Result<(), Refusal> {
    if tenant.app.allow_public_client { Ok(()) } else { Err(Refusal::PublicFlowsOff) }
}

/// `GET /oidc/userinfo` with the access token.
pub(crate) async fn userinfo(State(core): State<Arc<Core>>, headers: HeaderMap) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let now = core.now();
    let state = core.state();
    let known = state.grants.find_access(token, now);
    let Some(user) = known.and_then(|granted| signin::standing(&state.tenant, &granted.sign_in).ok()) else {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    };
    let mut body = json!({
        "sub": claims::pairwise(state.tenant.client_id, user.oid),
        "name": user.display_name(),
        "family_name": user.family_name,
        "given_name": user.given_name,
    });
    if known.is_some_and(|granted| granted.scopes.has("email")) {
        body["email"] = json!(user.mail());
    }
    Json(body).into_response()
}
