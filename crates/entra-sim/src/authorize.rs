//! The authorization endpoint: checks the request, signs the person in, sends the browser back.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::claims::SignIn;
use crate::core::{Authority, Core};
use crate::errors::{Refusal, Trace};
use crate::grants::{self, Granted};
use crate::pages;
use crate::params::{self, Params};
use crate::pkce::Challenge;
use crate::redirect::{self, ResponseMode};
use crate::scope::Scopes;
use crate::signin;
use crate::tenant::Tenant;
use crate::token::client_info;

/// Entra's name for the single-sign-on cookie.
pub(crate) const COOKIE: &str = "ESTSAUTH";
/// Fields of our own pages, not to be carried along.
const FORM_FIELDS: [&str; 5] = ["loginfmt", "passwd", "account", "ctx", "decision"];

/// What the client asked for, checked.
struct Request {
    reply_to: ReplyTo,
    challenge: Challenge,
    scopes: Scopes,
    nonce: Option<String>,
    prompt: Prompt,
    login_hint: Option<String>,
    client_info: bool,
}

/// A registered address: the one place where answers may go.
struct ReplyTo {
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Unset,
    Login,
    None,
    Consent,
    SelectAccount,
}

/// One browser's request with all that is needed to answer it.
struct Exchange<'a> {
    core: &'a Core,
    params: &'a Params,
    headers: &'a HeaderMap,
    trace: &'a Trace,
    path: &'a str,
}

pub(crate) async fn authorize(
    State(core): State<Arc<Core>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trace = Trace::new(core.base(), core.now(), &headers);
    let params = match Params::read(query.as_deref(), &body) {
        Ok(params) => params,
        Err(refusal) => return error_page(&refusal, &trace),
    };
    // Nothing is sent to an address that is not known to be the application's.
    let reply_to = match reply_to(&core.state().tenant, &path, &params) {
        Ok(reply_to) => reply_to,
        Err(refusal) => return error_page(&refusal, &trace),
    };
    let exchange = Exchange { core: &core, params: &params, headers: &headers, trace: &trace, path: &path };
    let (redirect_uri, state) = (reply_to.redirect_uri.clone(), reply_to.state.clone());
    match Request::parse(&params, reply_to) {
        Ok(request) => exchange.answer(&request),
        Err(refusal) => {
            let mode = ResponseMode::parse(params.get("response_mode")).unwrap_or_default();
            exchange.send_back(&ReplyTo { redirect_uri, mode, state }, &refusal)
        }
    }
}

fn reply_to(tenant: &Tenant, path: &str, params: &Params) -> Result<ReplyTo, Refusal> {
    Authority::single(path, tenant)?;
    let client_id = params.need("client_id")?;
    if !client_id.eq_ignore_ascii_case(&tenant.client_id.to_string()) {
        return Err(Refusal::UnknownClient(client_id.to_owned()));
    }
    let redirect_uri = params.need("redirect_uri")?;
    if !redirect::registered(&tenant.app.redirect_uris, redirect_uri) {
        return Err(Refusal::RedirectUnknown(redirect_uri.to_owned()));
    }
    let state = params.get("state").map(ToOwned::to_owned);
    Ok(ReplyTo { redirect_uri: redirect_uri.to_owned(), mode: ResponseMode::Query, state })
}

impl Request {
    fn parse(params: &Params, mut reply_to: ReplyTo) -> Result<Self, Refusal> {
        reply_to.mode = ResponseMode::parse(params.get("response_mode"))?;
        let response_type = params.need("response_type")?;
        if response_type != "code" {
            return Err(Refusal::UnsupportedResponseType(response_type.to_owned()));
        }
        let scopes = Scopes::parse(params.need("scope")?);
        if scopes.is_empty() {
            return Err(Refusal::BadScope);
        }
        let challenge = Challenge::parse(params.get("code_challenge"), params.get("code_challenge_method"))?;
        let prompt = Prompt::parse(params.get("prompt"))?;
        // With select_account the person chooses, so a hint says nothing.
        let hint = params.get("login_hint").filter(|_| prompt != Prompt::SelectAccount);
        Ok(Self {
            reply_to,
            challenge,
            scopes,
            nonce: params.get("nonce").map(ToOwned::to_owned),
            prompt,
            login_hint: hint.map(ToOwned::to_owned),
            client_info: params.get("client_info") == Some("1"),
        })
    }
}

impl Prompt {
    fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            None => Ok(Self::Unset),
            Some("login") => Ok(Self::Login),
            Some("none") => Ok(Self::None),
            Some("consent") => Ok(Self::Consent),
            Some("select_account") => Ok(Self::SelectAccount),
            Some(_) => Err(Refusal::BadRequest("prompt is none of login, none, consent and select_account")),
        }
    }
}

impl Exchange<'_> {
    fn answer(&self, request: &Request) -> Response {
        let now = self.trace.now;
        if let Some(ticket) = self.params.get("ctx") {
            let sign_in = self.core.state().grants.take_ticket(ticket, now);
            return match (sign_in, self.params.get("decision")) {
                (Some(_), Some("decline")) => self.send_back(&request.reply_to, &Refusal::ConsentDeclined),
                (Some(sign_in), _) => self.grant(request, sign_in),
                (None, _) => self.sign_in_page(request, None),
            };
        }
        if let Some(name) = self.params.get("loginfmt") {
            let password = self.params.get("passwd").unwrap_or_default();
            let found = signin::authenticate(&self.core.state().tenant, name, password);
            return match found {
                Ok(oid) => self.signed_in(request, grants::sign_in(oid, now)),
                Err(refusal) => self.sign_in_page(request, Some(&refusal)),
            };
        }
        let session = self.session();
        match (request.prompt, session) {
            (Prompt::None | Prompt::Unset, Some(session)) if self.meant(request, &session) => {
                self.grant(request, session)
            }
            (Prompt::None, _) => self.send_back(&request.reply_to, &Refusal::LoginRequired),
            (Prompt::SelectAccount, Some(session)) if self.params.get("account").is_some() => {
                self.grant(request, session)
            }
            _ => self.sign_in_page(request, None),
        }
    }

    /// After the password: the consent page where it was asked for, else back to the application.
    fn signed_in(&self, request: &Request, sign_in: SignIn) -> Response {
        if request.prompt != Prompt::Consent {
            return self.grant(request, sign_in);
        }
        let mut state = self.core.state();
        let ticket = state.grants.ticket(sign_in, self.trace.now);
        let form = self.form();
        page(&pages::consent(&form, &state.tenant.app.display_name, &request.scopes.granted(), &ticket))
    }

    /// A session counts only for the person that the application has in mind.
    fn meant(&self, request: &Request, session: &SignIn) -> bool {
        let state = self.core.state();
        let Some(user) = state.tenant.user_by_oid(session.oid) else { return false };
        request
            .login_hint
            .as_deref()
            .is_none_or(|hint| user.is(hint) || user.sign_in_name().eq_ignore_ascii_case(hint))
    }

    /// The browser's own session, if its person may still sign in.
    fn session(&self) -> Option<SignIn> {
        let state = self.core.state();
        let session = state.grants.find_session(params::cookie(self.headers, COOKIE)?, self.trace.now)?;
        signin::standing(&state.tenant, session).ok()?;
        Some(session.clone())
    }

    fn grant(&self, request: &Request, sign_in: SignIn) -> Response {
        let mut state = self.core.state();
        let mut answer = Vec::new();
        let granted = Granted {
            sign_in: sign_in.clone(),
            scopes: request.scopes.clone(),
            nonce: request.nonce.clone(),
        };
        let reply_to = &request.reply_to;
        let code =
            state.grants.code(granted, &reply_to.redirect_uri, request.challenge.clone(), self.trace.now);
        answer.push(("code", code));
        if request.client_info {
            answer.push(("client_info", client_info(sign_in.oid, state.tenant.tenant)));
        }
        answer.extend(reply_to.state.clone().map(|state| ("state", state)));
        answer.push(("session_state", sign_in.session.to_string()));
        let cookie = state.grants.session(sign_in, self.trace.now);
        let secure = if self.core.base().starts_with("https") { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}");
        ([(header::SET_COOKIE, cookie)], redirect::send(&reply_to.redirect_uri, reply_to.mode, &answer))
            .into_response()
    }

    fn send_back(&self, reply_to: &ReplyTo, refusal: &Refusal) -> Response {
        let (number, word) = refusal.codes();
        tracing::info!(error = word, aadsts = number, "authorization refused");
        let mut answer = vec![
            ("error", word.to_owned()),
            ("error_description", self.trace.description(refusal)),
            ("error_uri", self.trace.error_uri(refusal)),
        ];
        answer.extend(reply_to.state.clone().map(|state| ("state", state)));
        redirect::send(&reply_to.redirect_uri, reply_to.mode, &answer)
    }

    fn sign_in_page(&self, request: &Request, refusal: Option<&Refusal>) -> Response {
        let typed = self.params.get("loginfmt").or(request.login_hint.as_deref()).unwrap_or_default();
        let session = self.session().filter(|_| request.prompt == Prompt::SelectAccount);
        let state = self.core.state();
        let known = session.and_then(|session| state.tenant.user_by_oid(session.oid));
        let known = known.map(|user| (user.oid.to_string(), user.sign_in_name()));
        let error = refusal.map(Refusal::text);
        page(&pages::sign_in(&self.form(), &state.tenant.app.display_name, typed, error.as_deref(), known))
    }

    fn form(&self) -> pages::Form<'_> {
        let action = format!("{}/{}/oauth2/v2.0/authorize", self.core.base(), self.path);
        pages::Form { action, carried: self.params.without(&FORM_FIELDS).collect() }
    }
}

pub(crate) async fn logout(
    State(core): State<Arc<Core>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let params = Params::read(query.as_deref(), &body).unwrap_or_default();
    let mut state = core.state();
    if let Some(cookie) = params::cookie(&headers, COOKIE) {
        state.grants.end_session(cookie);
    }
    let forget = [(header::SET_COOKIE, format!("{COOKIE}=; Path=/; Max-Age=0"))];
    let back = params.get("post_logout_redirect_uri");
    match back.filter(|uri| redirect::registered(&state.tenant.app.redirect_uris, uri)) {
        Some(uri) => {
            let answer: Vec<_> =
                params.get("state").map(|state| ("state", state.to_owned())).into_iter().collect();
            (forget, redirect::send(uri, ResponseMode::Query, &answer)).into_response()
        }
        None => (forget, page(&pages::message("You signed out", "It is a good idea to close the browser.")))
            .into_response(),
    }
}

/// Pages are never cached, framed, or sniffed.
pub(crate) fn page(html: &str) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store, no-cache"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ];
    (headers, Html(html.to_owned())).into_response()
}

pub(crate) fn error_page(refusal: &Refusal, trace: &Trace) -> Response {
    let (number, word) = refusal.codes();
    tracing::info!(error = word, aadsts = number, "refused with a page");
    (StatusCode::BAD_REQUEST, page(&pages::error(&refusal.text(), trace))).into_response()
}
