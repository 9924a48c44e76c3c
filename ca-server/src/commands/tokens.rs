use std::path::Path;

use anyhow::bail;
use jiff::SignedDuration;
use sallyport_domain::{HostPatterns, Tags};
use sallyport_protocol::admin::{
    CreateEnrollToken, CreateScimToken, CreatedToken, CredentialKind, ExtendScimToken, TokenView,
};
use sallyport_protocol::path;

use super::backend::with_admin;
use super::table;
use crate::cli::{self, EnrollToken, Format, ScimToken};

pub(super) async fn scim(config: &Path, asked: ScimToken) -> anyhow::Result<()> {
    match asked {
        ScimToken::Create { name, ttl, connection, kind, output } => {
            let ask = CreateScimToken { name, ttl_seconds: seconds(ttl), connection, kind: kind.into() };
            let created = with_admin(config, |admin| async move { admin.create_scim_token(&ask).await });
            print_credential(output.format, &created.await?)
        }
        ScimToken::Extend { id, ttl } => {
            let ask = ExtendScimToken { ttl_seconds: seconds(ttl) };
            let id = find(config, id).await?;
            let extended = with_admin(config, |admin| async move { admin.extend_scim_token(&id, ask).await });
            print_tokens(Format::Text, &[extended.await?], "")
        }
        ScimToken::List(output) => {
            let tokens = with_admin(config, |admin| async move { admin.scim_tokens().await }).await?;
            print_tokens(output.format, &tokens, "no SCIM tokens yet\n  run: sallyport-ca scim-token create")
        }
        ScimToken::Revoke { id } => {
            let id = find(config, id).await?;
            with_admin(config, |admin| async move { admin.revoke_scim_token(&id).await }).await
        }
    }
}

pub(super) async fn enroll(config: &Path, asked: EnrollToken) -> anyhow::Result<()> {
    match asked {
        EnrollToken::Create { uses, ttl, name, tag } => {
            let (names, tags) = (HostPatterns::new(name), Tags::new(tag)?);
            let ask = CreateEnrollToken { uses, ttl_seconds: seconds(ttl), names, tags };
            print_created(
                &with_admin(config, |admin| async move { admin.create_enroll_token(&ask).await }).await?,
            );
            Ok(())
        }
        EnrollToken::List(output) => {
            let tokens = with_admin(config, |admin| async move { admin.enroll_tokens().await }).await?;
            print_tokens(
                output.format,
                &tokens,
                "no enrolment tokens\n  run: sallyport-ca enroll-token create --name PATTERN",
            )
        }
        EnrollToken::Revoke { id } => {
            with_admin(config, |admin| async move { admin.revoke_enroll_token(&id).await }).await
        }
    }
}

impl From<cli::CredentialKind> for CredentialKind {
    fn from(kind: cli::CredentialKind) -> Self {
        match kind {
            cli::CredentialKind::Basic => Self::Basic,
            cli::CredentialKind::Bearer => Self::Bearer,
            cli::CredentialKind::Oauth => Self::OAuth,
        }
    }
}

/// The id of the one token that bears the name and is not revoked; what is no name, as it was typed.
async fn find(config: &Path, text: String) -> anyhow::Result<String> {
    let tokens = with_admin(config, |admin| async move { admin.scim_tokens().await }).await?;
    let named: Vec<_> = tokens.into_iter().filter(|token| !token.revoked && token.name == text).collect();
    if named.len() > 1 {
        let ids: Vec<&str> = named.iter().map(|token| token.id.as_str()).collect();
        bail!("{} tokens are called {text:?}; name one by its id: {}", named.len(), ids.join(", "));
    }
    Ok(named.into_iter().next().map_or(text, |token| token.id))
}

/// One line for each thing that Entra's page asks for; a token stands alone.
fn print_credential(format: Format, created: &CreatedToken) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(created)?);
        return Ok(());
    }
    match created.kind {
        Some(CredentialKind::Basic) => println!("user      {}\npassword  {}", created.id, created.token),
        Some(CredentialKind::OAuth) => {
            println!(
                "client id      {}\nclient secret  {}\ntoken path     {}",
                created.id,
                created.token,
                path::SCIM_TOKEN
            );
        }
        Some(CredentialKind::Bearer) | None => println!("{}", created.token),
    }
    eprintln!("token {} until {}; it is not shown again", created.id, created.expires_at);
    Ok(())
}

fn seconds(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_secs()).unwrap_or(0)
}

/// The token, and nothing else, on stdout.
fn print_created(created: &CreatedToken) {
    println!("{}", created.token);
    eprintln!("token {} until {}; it is not shown again", created.id, created.expires_at);
}

fn print_tokens(format: Format, tokens: &[TokenView], none: &str) -> anyhow::Result<()> {
    table::print(
        format,
        tokens,
        ["id", "name", "kind", "connection", "created", "expires", "last used", "uses left", "revoked"],
        |token| {
            [
                token.id.clone(),
                token.name.clone(),
                token.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
                token.connection.as_ref().map(ToString::to_string).unwrap_or_default(),
                token.created_at.to_string(),
                token.expires_at.to_string(),
                token.last_used_at.map(|at| at.to_string()).unwrap_or_default(),
                token.uses_left.map(|uses| uses.to_string()).unwrap_or_default(),
                if token.revoked { "yes" } else { "no" }.to_owned(),
            ]
        },
        none,
    )
}
