//! The control API under `/_sim`: changes the tenant while it runs. Answered on this machine only.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /_sim/directory` | the whole tenant, without passwords |
//! | `POST /_sim/users` `{oid?, upn, password, given_name?, ...}` | adds a user: `{oid}` |
//! | `PATCH /_sim/users/{who}` | changes the members given; `deleted: false` restores from the recycle bin |
//! | `DELETE /_sim/users/{who}[?hard=true]` | into the recycle bin, or gone for ever |
//! | `POST /_sim/users/{who}/revoke-sessions` | refresh tokens and browser sessions are worthless |
//! | `POST /_sim/groups` `{oid?, name, members?}` | adds a group: `{oid}` |
//! | `PATCH /_sim/groups/{which}` `{name}`, `DELETE /_sim/groups/{which}` | |
//! | `PUT` or `DELETE /_sim/groups/{which}/members/{who}` | |
//! | `PATCH /_sim/app` | changes the app registration's members given |
//! | `POST /_sim/mint` | a [`MintRequest`]: `{token}` |
//! | `POST /_sim/keys/rotate` `{keep_old?}` | a new signing key: `{kid}` |
//! | `POST /_sim/clock` `{offset_seconds}` | moves the clock |
//! | `GET` and `PUT /_sim/jobs?scim_url=...` | the provisioning service's memory of one job |
//!
//! `{who}` is an object id or a UPN, `{which}` an object id or a name that one group alone bears.
//! Refusals are `{"error": text}`.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::core::Core;
use crate::errors::random_uuid;
use crate::keys::SigningKey;
use crate::mint::{self, MintRequest};
use crate::provision::Job;
use crate::serve::Peer;
use crate::sim::edit;
use crate::tenant::{Group, Password, Tenant, TenantError, User};

type Reply = Result<Json<Value>, Refused>;

pub(crate) fn router() -> Router<Arc<Core>> {
    Router::new()
        .route("/directory", get(directory))
        .route("/users", post(add_user))
        .route("/users/{who}", patch(set_user).delete(remove_user))
        .route("/users/{who}/revoke-sessions", post(revoke_sessions))
        .route("/groups", post(add_group))
        .route("/groups/{which}", patch(set_group).delete(remove_group))
        .route("/groups/{which}/members/{who}", put(add_member).delete(remove_member))
        .route("/app", patch(set_app))
        .route("/mint", post(mint_token))
        .route("/keys/rotate", post(rotate))
        .route("/clock", post(set_clock))
        // A job's memory is as large as the directory.
        .route("/jobs", get(job).put(put_job).layer(DefaultBodyLimit::disable()))
        .layer(middleware::from_fn(this_machine_only))
}

/// Loopback, or this machine's own address (which no packet from elsewhere can bear).
async fn this_machine_only(Extension(peer): Extension<Peer>, request: Request, next: Next) -> Response {
    if same_machine(peer) {
        next.run(request).await
    } else {
        tracing::warn!(remote = %peer.remote, "control refused");
        Refused(StatusCode::FORBIDDEN, "the control API answers on its own machine only".to_owned())
            .into_response()
    }
}

fn same_machine(peer: Peer) -> bool {
    let remote = peer.remote.ip().to_canonical();
    remote.is_loopback() || remote == peer.local.ip().to_canonical()
}

async fn directory(State(core): State<Arc<Core>>) -> Json<Value> {
    Json(json!(core.state().tenant))
}

async fn add_user(State(core): State<Arc<Core>>, Body(mut body): Body<Value>) -> Reply {
    give_oid(&mut body);
    let user: User = parse(body)?;
    let oid = user.oid;
    edit(&core, |tenant| {
        tenant.users.push(user);
        Ok(())
    })?;
    Ok(Json(json!({ "oid": oid })))
}

async fn set_user(
    State(core): State<Arc<Core>>,
    Path(who): Path<String>,
    Body(changes): Body<UserChanges>,
) -> Reply {
    let now = core.now();
    let oid = edit(&core, |tenant| {
        let user = tenant.user_mut(&who)?;
        if changes.password.is_some() {
            // Entra revokes what was issued under the old password.
            user.sessions_valid_from = Some(now);
        }
        changes.apply(user);
        Ok(user.oid)
    })?;
    Ok(Json(json!({ "oid": oid })))
}

#[derive(Deserialize)]
struct Removal {
    #[serde(default)]
    hard: bool,
}

async fn remove_user(
    State(core): State<Arc<Core>>,
    Path(who): Path<String>,
    Query(Removal { hard }): Query<Removal>,
) -> Reply {
    edit(&core, |tenant| tenant.remove_user(&who, hard))?;
    Ok(Json(json!({})))
}

async fn revoke_sessions(State(core): State<Arc<Core>>, Path(who): Path<String>) -> Reply {
    let now = core.now();
    edit(&core, |tenant| {
        tenant.user_mut(&who)?.sessions_valid_from = Some(now);
        Ok(())
    })?;
    Ok(Json(json!({})))
}

async fn add_group(State(core): State<Arc<Core>>, Body(mut body): Body<Value>) -> Reply {
    give_oid(&mut body);
    let group: Group = parse(body)?;
    let oid = group.oid;
    edit(&core, |tenant| {
        tenant.groups.push(group);
        Ok(())
    })?;
    Ok(Json(json!({ "oid": oid })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupChanges {
    name: String,
}

async fn set_group(
    State(core): State<Arc<Core>>,
    Path(which): Path<String>,
    Body(changes): Body<GroupChanges>,
) -> Reply {
    edit(&core, |tenant| {
        tenant.group_mut(&which)?.name = changes.name;
        Ok(())
    })?;
    Ok(Json(json!({})))
}

async fn remove_group(State(core): State<Arc<Core>>, Path(which): Path<String>) -> Reply {
    edit(&core, |tenant| tenant.remove_group(&which))?;
    Ok(Json(json!({})))
}

async fn add_member(State(core): State<Arc<Core>>, Path((which, who)): Path<(String, String)>) -> Reply {
    edit(&core, |tenant| {
        let oid = member(tenant, &who)?;
        tenant.group_mut(&which)?.members.insert(oid);
        Ok(())
    })?;
    Ok(Json(json!({})))
}

async fn remove_member(State(core): State<Arc<Core>>, Path((which, who)): Path<(String, String)>) -> Reply {
    edit(&core, |tenant| {
        let oid = member(tenant, &who)?;
        tenant.group_mut(&which)?.members.remove(&oid);
        Ok(())
    })?;
    Ok(Json(json!({})))
}

/// A member is a user, or another group by its object id.
fn member(tenant: &Tenant, who: &str) -> Result<Uuid, TenantError> {
    let group = || tenant.groups.iter().find(|group| group.oid.to_string().eq_ignore_ascii_case(who));
    let found = tenant.user(who).map(|user| user.oid).or_else(|| group().map(|group| group.oid));
    found.ok_or_else(|| TenantError::NoSuchUser(who.to_owned()))
}

async fn set_app(
    State(core): State<Arc<Core>>,
    Body(changes): Body<serde_json::Map<String, Value>>,
) -> Reply {
    let mut app = json!(core.state().tenant.app);
    for (name, value) in changes {
        app[name] = value;
    }
    let app = parse(app)?;
    edit(&core, |tenant| {
        tenant.app = app;
        Ok(())
    })?;
    Ok(Json(json!({})))
}

async fn mint_token(State(core): State<Arc<Core>>, Body(request): Body<MintRequest>) -> Reply {
    let token =
        mint::mint(&core, &request).map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Json(json!({ "token": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    #[serde(default = "yes")]
    keep_old: bool,
}

async fn rotate(State(core): State<Arc<Core>>, Body(Rotation { keep_old }): Body<Rotation>) -> Reply {
    let next = SigningKey::generate()
        .map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let kid = next.kid().to_owned();
    core.state().keys.rotate(next, keep_old);
    Ok(Json(json!({ "kid": kid })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    offset_seconds: i64,
}

async fn set_clock(State(core): State<Arc<Core>>, Body(change): Body<ClockChange>) -> Json<Value> {
    core.clock().set_offset(change.offset_seconds);
    Json(json!({ "now": core.now() }))
}

#[derive(Deserialize)]
struct JobName {
    scim_url: String,
}

async fn job(State(core): State<Arc<Core>>, Query(JobName { scim_url }): Query<JobName>) -> Json<Job> {
    Json(core.state().jobs.get(&scim_url).cloned().unwrap_or_default())
}

async fn put_job(
    State(core): State<Arc<Core>>,
    Query(JobName { scim_url }): Query<JobName>,
    Body(mut job): Body<Job>,
) -> Reply {
    let mut state = core.state();
    if state.jobs.get(&scim_url).is_some_and(|stored| stored.revision != job.revision) {
        let text = "another cycle of this job ended in the meantime: run one cycle at a time";
        return Err(Refused(StatusCode::CONFLICT, text.to_owned()));
    }
    job.revision += 1;
    let revision = job.revision;
    state.jobs.insert(scim_url, job);
    Ok(Json(json!({ "revision": revision })))
}

/// Members of a user that may be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserChanges {
    upn: Option<String>,
    password: Option<Password>,
    given_name: Option<String>,
    family_name: Option<String>,
    display_name: Option<String>,
    mail: Option<String>,
    mail_nickname: Option<String>,
    job_title: Option<String>,
    department: Option<String>,
    enabled: Option<bool>,
    guest: Option<bool>,
    deleted: Option<bool>,
}

impl UserChanges {
    fn apply(self, user: &mut User) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut user.upn, self.upn);
        set(&mut user.password, self.password);
        set(&mut user.given_name, self.given_name);
        set(&mut user.family_name, self.family_name);
        set(&mut user.display_name, self.display_name.map(Some));
        set(&mut user.mail, self.mail.map(Some));
        set(&mut user.mail_nickname, self.mail_nickname.map(Some));
        set(&mut user.job_title, self.job_title.map(Some));
        set(&mut user.department, self.department.map(Some));
        set(&mut user.enabled, self.enabled);
        set(&mut user.guest, self.guest);
        set(&mut user.deleted, self.deleted);
    }
}

/// Why the control API did nothing.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<TenantError> for Refused {
    fn from(error: TenantError) -> Self {
        let status = match error {
            TenantError::NoSuchUser(_) | TenantError::NoSuchGroup(_) => StatusCode::NOT_FOUND,
            TenantError::DuplicateOid(_) | TenantError::DuplicateUpn(_) => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        };
        Self(status, error.to_string())
    }
}

/// A JSON body. The content type is required, which keeps web pages of other origins out.
struct Body<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let parsed: Result<Json<T>, JsonRejection> = Json::from_request(request, state).await;
        parsed.map(|Json(body)| Self(body)).map_err(|error| Refused(error.status(), error.body_text()))
    }
}

fn give_oid(body: &mut Value) {
    if let Some(members) = body.as_object_mut() {
        members.entry("oid").or_insert_with(|| json!(random_uuid()));
    }
}

fn parse<T: DeserializeOwned>(body: Value) -> Result<T, Refused> {
    serde_json::from_value(body).map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_change_the_tenant() {
        let peer = |remote: &str, local: &str| {
            same_machine(Peer { remote: remote.parse().unwrap(), local: local.parse().unwrap() })
        };
        assert!(peer("127.0.0.1:5000", "127.0.0.1:443"));
        assert!(peer("[::1]:5000", "[::1]:443"));
        assert!(peer("[::ffff:127.0.0.1]:5000", "[::ffff:127.0.0.1]:443"));
        assert!(peer("192.0.2.1:5000", "192.0.2.1:443"));
        assert!(!peer("192.0.2.2:5000", "192.0.2.1:443"));
        assert!(!peer("[::ffff:192.0.2.2]:5000", "[::ffff:192.0.2.1]:443"));
    }
}
