//! `entra-sim user` and `entra-sim group`.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use reqwest::Method;
use sallyport_entra_sim::ControlClient;
use serde_json::{Map, Value, json};

use super::{client, secret};
use crate::cli::{Group, Member, Target, User, UserFields};

pub(crate) async fn user(command: User) -> anyhow::Result<()> {
    match command {
        User::Add { target, oid, fields } => {
            let mut body = members(&fields)?;
            for (name, flag) in [("upn", "--upn"), ("password", "--password")] {
                body.get(name).with_context(|| format!("a new user needs {flag}"))?;
            }
            body.extend(oid.map(|oid| ("oid".to_owned(), json!(oid))));
            print_oid(
                &control(&target)?.call(Method::POST, &["users"], &[], Some(&Value::Object(body))).await?,
            )
        }
        User::Set { target, user, fields, deleted } => {
            let mut body = members(&fields)?;
            body.extend(deleted.map(|deleted| ("deleted".to_owned(), json!(deleted))));
            if body.is_empty() {
                bail!(
                    "nothing to change: name at least one of the flags that `entra-sim user set --help` lists"
                );
            }
            call(&target, Method::PATCH, &["users", &user], &[], Some(Value::Object(body))).await
        }
        User::Remove { target, user, hard } => {
            let query: &[(&str, &str)] = if hard { &[("hard", "true")] } else { &[] };
            call(&target, Method::DELETE, &["users", &user], query, None).await
        }
        User::RevokeSessions { target, user } => {
            call(&target, Method::POST, &["users", &user, "revoke-sessions"], &[], None).await
        }
    }
}

pub(crate) async fn group(command: Group) -> anyhow::Result<()> {
    match command {
        Group::Add { target, oid, name, member } => {
            let mut body = json!({ "name": name, "members": member });
            if let Some(oid) = oid {
                body["oid"] = json!(oid);
            }
            print_oid(&control(&target)?.call(Method::POST, &["groups"], &[], Some(&body)).await?)
        }
        Group::Set { target, group, name } => {
            call(&target, Method::PATCH, &["groups", &group], &[], Some(json!({ "name": name }))).await
        }
        Group::Remove { target, group } => {
            call(&target, Method::DELETE, &["groups", &group], &[], None).await
        }
        Group::AddMember(member) => membership(&member, &Method::PUT).await,
        Group::RemoveMember(member) => membership(&member, &Method::DELETE).await,
    }
}

async fn membership(member: &Member, method: &Method) -> anyhow::Result<()> {
    for user in &member.users {
        call(&member.target, method.clone(), &["groups", &member.group, "members", user], &[], None).await?;
    }
    Ok(())
}

fn control(target: &Target) -> anyhow::Result<ControlClient> {
    Ok(ControlClient::new(client(&target.ca_file)?, target.sim.clone()))
}

async fn call(
    target: &Target,
    method: Method,
    path: &[&str],
    query: &[(&str, &str)],
    body: Option<Value>,
) -> anyhow::Result<()> {
    control(target)?.call(method, path, query, body.as_ref()).await?;
    Ok(())
}

fn print_oid(answer: &Value) -> anyhow::Result<()> {
    let oid = answer["oid"].as_str().context("the simulator gave no object id")?;
    writeln!(std::io::stdout(), "{oid}")?;
    Ok(())
}

/// The fields given, by their names in the control API.
fn members(fields: &UserFields) -> anyhow::Result<Map<String, Value>> {
    let password = fields.password.as_deref().map(secret).transpose()?;
    let texts = [
        ("upn", &fields.upn),
        ("password", &password),
        ("given_name", &fields.given_name),
        ("family_name", &fields.family_name),
        ("display_name", &fields.display_name),
        ("mail", &fields.mail),
        ("mail_nickname", &fields.mail_nickname),
        ("job_title", &fields.job_title),
        ("department", &fields.department),
    ];
    let flags = [("enabled", fields.enabled), ("guest", fields.guest)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
    let flags = flags.into_iter().filter_map(|(name, flag)| Some((name.to_owned(), json!(flag?))));
    Ok(texts.chain(flags).collect())
}
