//! The few HTML pages. They work without scripts, and every value from outside is escaped.

mod layout;

use crate::errors::Trace;
use layout::{escape, hidden, layout};

/// Where a form goes and what it carries along unseen.
pub(crate) struct Form<'a> {
    pub(crate) action: String,
    pub(crate) carried: Vec<(&'a str, &'a str)>,
}

impl Form<'_> {
    /// A whole form: carried fields, `extra` hidden ones, then `inner`.
    fn html(&self, extra: &[(&str, &str)], inner: &str) -> String {
        let action = escape(&self.action);
        let carried: String =
            self.carried.iter().chain(extra).map(|(name, value)| hidden(name, value)).collect();
        format!("<form method=\"post\" action=\"{action}\" autocomplete=\"off\">{carried}{inner}</form>")
    }
}

/// Name and password; `known` is a session that may be picked instead (object id, name).
pub(crate) fn sign_in(
    form: &Form<'_>,
    app: &str,
    typed: &str,
    error: Option<&str>,
    known: Option<(String, String)>,
) -> String {
    let fields = format!(
        "<label for=\"i0116\">Email</label>\
         <input type=\"email\" name=\"loginfmt\" id=\"i0116\" value=\"{}\" autocomplete=\"username\" required>\
         <label for=\"i0118\">Password</label>\
         <input type=\"password\" name=\"passwd\" id=\"i0118\" autocomplete=\"current-password\" required>\
         <button type=\"submit\" id=\"idSIButton9\">Sign in</button>",
        escape(typed)
    );
    let pick = known.map_or_else(String::new, |(oid, name)| {
        let button =
            format!("<button type=\"submit\" class=\"other\">Continue as {}</button>", escape(&name));
        form.html(&[("account", &oid)], &button)
    });
    let body =
        format!("{}<p>to continue to {}</p>{pick}{}", alert(error), escape(app), form.html(&[], &fields));
    layout("Sign in to your account", "Sign in", &body)
}

/// What the application may do, asked for with `prompt=consent`.
pub(crate) fn consent(form: &Form<'_>, app: &str, scopes: &str, ticket: &str) -> String {
    let body = format!(
        "<p>{} would like to: <b>{}</b></p>{}{}",
        escape(app),
        escape(scopes),
        form.html(&[("ctx", ticket), ("decision", "accept")], "<button type=\"submit\">Accept</button>"),
        form.html(
            &[("ctx", ticket), ("decision", "decline")],
            "<button type=\"submit\" class=\"other\">Cancel</button>"
        ),
    );
    layout("Permissions requested", "Permissions requested", &body)
}

pub(crate) fn device_code(action: &str, typed: &str, error: Option<&str>) -> String {
    let form = Form { action: action.to_owned(), carried: Vec::new() };
    let field = format!(
        "<label for=\"otc\">Code</label>\
         <input type=\"text\" name=\"otc\" id=\"otc\" value=\"{}\" maxlength=\"16\" required>\
         <button type=\"submit\" id=\"idSIButton9\">Next</button>",
        escape(typed)
    );
    let body = format!(
        "{}<p>Enter the code that your app or device shows. Do not enter codes from sources you do not trust.</p>{}",
        alert(error),
        form.html(&[], &field)
    );
    layout("Sign in to your account", "Enter code to allow access", &body)
}

/// The last question before a device is signed in. Two forms, so that a decision is always sent.
pub(crate) fn device_confirm(form: &Form<'_>, app: &str, user_code: &str, ticket: &str) -> String {
    let body = format!(
        "<p>Are you trying to sign in to <b>{}</b> with the code <b>{}</b>?</p>\
         <p>Only continue if you started this sign-in on a device of yours.</p>{}{}",
        escape(app),
        escape(user_code),
        form.html(
            &[("ctx", ticket), ("decision", "continue")],
            "<button type=\"submit\" id=\"idSIButton9\">Continue</button>"
        ),
        form.html(
            &[("ctx", ticket), ("decision", "decline")],
            "<button type=\"submit\" id=\"idBtn_Back\" class=\"other\">Cancel</button>"
        ),
    );
    layout("Sign in to your account", "Confirm sign-in", &body)
}

pub(crate) fn message(title: &str, text: &str) -> String {
    layout(title, title, &format!("<p>{}</p>", escape(text)))
}

pub(crate) fn error(text: &str, trace: &Trace) -> String {
    let body = format!(
        "<p>Sorry, but we are having trouble signing you in.</p><p class=\"alert\" role=\"alert\">{}</p>\
         <p class=\"small\">Request Id: {}<br>Correlation Id: {}<br>Timestamp: {}</p>",
        escape(text),
        trace.id,
        trace.correlation_id,
        trace.now
    );
    layout("Sign in to your account", "Sign in", &body)
}

/// The answer as a form that submits itself, with a button for browsers without scripts.
pub(crate) fn form_post(redirect_uri: &str, answer: &[(&str, String)]) -> String {
    let fields: String = answer.iter().map(|(name, value)| hidden(name, value)).collect();
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><title>Working...</title></head><body>\
         <form method=\"post\" name=\"hiddenform\" action=\"{}\">{fields}\
         <noscript><p>Script is disabled. Click Submit to continue.</p><button type=\"submit\">Submit</button></noscript>\
         </form><script>window.setTimeout(function () {{ document.forms[0].submit(); }}, 0);</script></body></html>",
        escape(redirect_uri)
    )
}

fn alert(error: Option<&str>) -> String {
    error.map_or_else(String::new, |text| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped_everywhere() {
        let evil = "\"><script>alert(1)</script>";
        let form = Form { action: evil.to_owned(), carried: vec![(evil, evil)] };
        let pages = [
            sign_in(&form, evil, evil, Some(evil), Some((evil.to_owned(), evil.to_owned()))),
            consent(&form, evil, evil, evil),
            device_code(evil, evil, Some(evil)),
            device_confirm(&form, evil, evil, evil),
            message(evil, evil),
        ];
        for page in pages {
            assert!(!page.contains("<script>"), "{page}");
        }
        assert_eq!(form_post(evil, &[("state", evil.to_owned())]).matches("<script>").count(), 1);
    }
}
