//! The device authorization grant: the endpoint that a terminal asks, and the page that a person opens.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::authorize::{error_page, page};
use crate::core::Core;
use crate::errors::{Refusal, Trace};
use crate::grants::{self, DEVICE_LIFETIME};
use crate::pages;
use crate::params::Params;
use crate::scope::Scopes;
use crate::signin;
use crate::token::{check_client, public_flows_allowed};

const INTERVAL_SECONDS: u32 = 5;

pub(crate) async fn devicecode(
    State(core): State<Arc<Core>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trace = Trace::new(core.base(), core.now(), &headers);
    match begin(&core, &path, &headers, &body, &trace) {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => trace.refuse(&refusal),
    }
}

fn begin(core: &Core, path: &str, headers: &HeaderMap, body: &[u8], trace: &Trace) -> Result<Value, Refusal> {
    let params = Params::read(None, body)?;
    let mut state = core.state();
    check_client(&state.tenant, path, &params, headers)?;
    public_flows_allowed(&state.tenant)?;
    let scopes = Scopes::parse(params.need("scope")?);
    if scopes.is_empty() {
        return Err(Refusal::BadScope);
    }
    let (device_code, user_code) = state.grants.device(scopes, trace.now);
    let page = format!("{}/devicelogin", core.base());
    // No verification_uri_complete: Entra never sends one.
    Ok(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": page,
        "expires_in": DEVICE_LIFETIME.as_secs(),
        "interval": INTERVAL_SECONDS,
        "message": format!(
            "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
        ),
    }))
}

/// `/devicelogin` step by step: the code, the sign-in, the confirmation.
pub(crate) async fn devicelogin(
    State(core): State<Arc<Core>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trace = Trace::new(core.base(), core.now(), &headers);
    match Params::read(query.as_deref(), &body) {
        Ok(params) => step(&core, &params, !body.is_empty(), &trace),
        Err(refusal) => error_page(&refusal, &trace),
    }
}

fn step(core: &Core, params: &Params, submitted: bool, trace: &Trace) -> Response {
    let mut state = core.state();
    let state = &mut *state;
    let app = state.tenant.app.display_name.clone();
    let action = format!("{}/devicelogin", core.base());
    let typed = params.get("otc").unwrap_or_default();
    if !submitted {
        return page(&pages::device_code(&action, typed, None));
    }
    let Some(device) = state.grants.waiting(typed, trace.now) else {
        let error = "That code did not work. Check the code and try again.";
        return page(&pages::device_code(&action, typed, Some(error)));
    };
    let form = pages::Form { action, carried: vec![("otc", typed)] };
    if let Some(ticket) = params.get("ctx") {
        if params.get("decision") == Some("decline") {
            device.decline();
            return page(&pages::message("Sign-in was cancelled", "You can close this window."));
        }
        let Some(sign_in) = state.grants.take_ticket(ticket, trace.now) else {
            return page(&pages::sign_in(&form, &app, "", None, None));
        };
        if let Some(device) = state.grants.waiting(typed, trace.now) {
            device.approve(sign_in);
        }
        let text = format!(
            "You have signed in to the {app} application on your device. You may now close this window."
        );
        return page(&pages::message(&app, &text));
    }
    let Some(name) = params.get("loginfmt") else {
        return page(&pages::sign_in(&form, &app, "", None, None));
    };
    let user_code = device.user_code().to_owned();
    match signin::authenticate(&state.tenant, name, params.get("passwd").unwrap_or_default()) {
        Ok(oid) => {
            let ticket = state.grants.ticket(grants::sign_in(oid, trace.now), trace.now);
            page(&pages::device_confirm(&form, &app, &user_code, &ticket))
        }
        Err(refusal) => page(&pages::sign_in(&form, &app, name, Some(&refusal.text()), None)),
    }
}
