//! The discovery document and the keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::core::{Authority, Core};
use crate::errors::Trace;

pub(crate) async fn document(
    State(core): State<Arc<Core>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let state = core.state();
    match Authority::of(&path, &state.tenant) {
        Ok(Authority::Tenant) => {
            let tenant = state.tenant.tenant.to_string();
            Json(discovery(core.base(), &tenant, &core.issuer(state.tenant.tenant))).into_response()
        }
        // The issuer of the shared endpoints is a template, braces included.
        Ok(Authority::AnyTenant) => {
            let issuer = format!("{}/{{tenantid}}/v2.0", core.base());
            Json(discovery(core.base(), &path.to_lowercase(), &issuer)).into_response()
        }
        Err(refusal) => Trace::new(core.base(), core.now(), &headers).refuse(&refusal),
    }
}

pub(crate) async fn keys(
    State(core): State<Arc<Core>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let state = core.state();
    match Authority::of(&path, &state.tenant) {
        Ok(Authority::Tenant) => Json(state.keys.jwks(&core.issuer(state.tenant.tenant))).into_response(),
        Ok(Authority::AnyTenant) => {
            Json(state.keys.jwks(&format!("{}/{{tenantid}}/v2.0", core.base()))).into_response()
        }
        Err(refusal) => Trace::new(core.base(), core.now(), &headers).refuse(&refusal),
    }
}

/// All members of Entra's document. `code_challenge_methods_supported` is absent there, so it is here;
/// the endpoints lie beside the issuer's path, not under it.
fn discovery(base: &str, tenant: &str, issuer: &str) -> Value {
    let oauth = format!("{base}/{tenant}/oauth2/v2.0");
    json!({
        "token_endpoint": format!("{oauth}/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic", "self_signed_tls_client_auth"],
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{base}/oidc/userinfo"),
        "authorization_endpoint": format!("{oauth}/authorize"),
        "device_authorization_endpoint": format!("{oauth}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{oauth}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
            "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
            "c_hash", "email",
        ],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_entras_members_and_no_others() {
        let document = discovery("https://sim.test", "T", "https://sim.test/T/v2.0");
        let mut members: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let mut expected = vec![
            "token_endpoint",
            "token_endpoint_auth_methods_supported",
            "jwks_uri",
            "response_modes_supported",
            "subject_types_supported",
            "id_token_signing_alg_values_supported",
            "response_types_supported",
            "scopes_supported",
            "issuer",
            "request_uri_parameter_supported",
            "userinfo_endpoint",
            "authorization_endpoint",
            "device_authorization_endpoint",
            "http_logout_supported",
            "frontchannel_logout_supported",
            "end_session_endpoint",
            "claims_supported",
            "tenant_region_scope",
            "cloud_instance_name",
            "cloud_graph_host_name",
            "msgraph_host",
            "rbac_url",
        ];
        expected.sort_unstable();
        assert_eq!(members, expected);
        assert_eq!(document["token_endpoint"], "https://sim.test/T/oauth2/v2.0/token");
    }
}
