use std::path::Path;

use jiff::SignedDuration;
use sallyport_domain::{HostPatterns, Tags};
use sallyport_protocol::admin::{CreateEnrollToken, CreateScimToken, CreatedToken, TokenView};

use super::backend::with_admin;
use super::table;
use crate::cli::{EnrollToken, Format, ScimToken};

pub(super) async fn scim(config: &Path, asked: ScimToken) -> anyhow::Result<()> {
    match asked {
        ScimToken::Create { name, ttl, connection } => {
            let ask = CreateScimToken { name, ttl_seconds: seconds(ttl), connection };
            print_created(
                &with_admin(config, |admin| async move { admin.create_scim_token(&ask).await }).await?,
            );
            Ok(())
        }
        ScimToken::List(output) => {
            let tokens = with_admin(config, |admin| async move { admin.scim_tokens().await }).await?;
            print_tokens(output.format, &tokens, "no SCIM tokens yet\n  run: sallyport-ca scim-token create")
        }
        ScimToken::Revoke { id } => {
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
        ["id", "name", "created", "expires", "last used", "uses left", "revoked"],
        |token| {
            [
                token.id.clone(),
                token.name.clone(),
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
