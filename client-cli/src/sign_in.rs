//! The person proves who they are to the issuer: three ways, one ID token.

use std::io::{self, BufRead, IsTerminal};
use std::thread;
use std::time::Duration;

use sallyport_entra::{
    BrowserLogin, Callback, DeviceLogin, DiscoveryError, HttpClient, HttpError, Login, LoginError,
};
use sallyport_protocol::Bootstrap;
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::browser;
use crate::failure::{Failure, chain};
use crate::intent::Way;
use crate::ui::{Event, Ui};

/// One question to the issuer, from connecting to the last byte.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// A person who has to find a phone and a password manager.
const PATIENCE: Duration = Duration::from_mins(10);
/// Longest address that can be pasted: a line of a terminal in canonical mode ends at 4096 bytes anyway.
const LONGEST_PASTE: u64 = 64 * 1024;

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        Self::new(chain(&error), format!("sallyport login again; {}", error.advice()))
    }
}

impl From<DiscoveryError> for Failure {
    fn from(error: DiscoveryError) -> Self {
        Self::new(
            chain(&error),
            "sallyport login again; if it goes on, check the network, the proxy and SSL_CERT_FILE",
        )
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::new(chain(&error), "echo $SSL_CERT_FILE, which must name a PEM file, or unset it")
    }
}

/// Where the issuer is and who we are to it, by the CA's own word.
pub(crate) async fn discover(bootstrap: &Bootstrap) -> Result<Login, Failure> {
    let extra = sallyport_trust_roots::extra_roots_from_environment();
    let tls = sallyport_trust_roots::system(extra.as_deref()).map_err(|error| {
        Failure::new(chain(&error), "echo $SSL_CERT_FILE, which must name a PEM file, or unset it")
    })?;
    let http = HttpClient::new(tls, REQUEST_LIMIT)?;
    Ok(Login::discover(&bootstrap.issuer, &bootstrap.client_id, http).await?)
}

/// In a browser, here or elsewhere. The token bears `nonce`, which only the holder of the key can explain.
pub(crate) async fn with_browser(
    login: &Login,
    nonce: &str,
    asked_as: Option<&str>,
    way: Way,
    ui: Ui,
) -> Result<SecretString, Failure> {
    let sign_in = BrowserLogin::start(login, nonce, asked_as).await?;
    let url = sign_in.authorize_url();
    ui.event(&Event::OpenUrl { url: url.as_str() });
    ui.say(format!("Open: {url}"));
    if way == Way::Browser {
        browser::open(url);
    }
    // A pipe is read only where the person said that the browser is elsewhere.
    let pasted = if way == Way::Pasted || io::stdin().is_terminal() { Some(pasted_lines()) } else { None };
    let minutes = PATIENCE.as_secs() / 60;
    match way {
        Way::Pasted if io::stdin().is_terminal() => ui.say(format!(
            "Then wait here, {minutes} minutes at most, or paste the address that the browser ended on:"
        )),
        Way::Browser => ui.say(format!(
            "Waiting for the browser, {minutes} minutes at most. Is it on another machine? Ctrl-C, then: sallyport login --no-browser"
        )),
        Way::Device | Way::Pasted => {}
    }
    let callback = answer(&sign_in, pasted, ui).await?;
    Ok(sign_in.exchange(callback).await?.id_token)
}

/// The first good answer: by the browser itself or by the pasted address.
async fn answer(
    sign_in: &BrowserLogin,
    mut pasted: Option<mpsc::Receiver<String>>,
    ui: Ui,
) -> Result<Callback, LoginError> {
    let redirect = sign_in.wait(PATIENCE);
    tokio::pin!(redirect);
    loop {
        let line = tokio::select! {
            callback = &mut redirect => return callback,
            line = next_line(&mut pasted) => line,
        };
        match sign_in.accept_pasted(line.trim()) {
            Err(error @ (LoginError::NotTheAddress { .. } | LoginError::OtherSignIn)) => {
                ui.say(format!("{}; {}", chain(&error), error.advice()));
            }
            decided => return decided,
        }
    }
}

/// Never ends once there is nothing more to read: the redirect may still come.
async fn next_line(pasted: &mut Option<mpsc::Receiver<String>>) -> String {
    loop {
        match pasted {
            Some(lines) => match lines.recv().await {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => return line,
                None => *pasted = None,
            },
            None => std::future::pending().await,
        }
    }
}

/// The lines of stdin, from a thread that ends with the process: reading cannot be interrupted.
fn pasted_lines() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(1);
    thread::spawn(move || {
        let mut stdin = io::BufReader::new(io::Read::take(io::stdin(), LONGEST_PASTE));
        loop {
            let mut line = String::new();
            match stdin.read_line(&mut line) {
                Ok(1..) if send.blocking_send(line).is_ok() => {}
                _ => return,
            }
        }
    });
    receive
}

/// With a code that is typed in on another device. Bound to nothing: whoever types it signs this terminal in.
pub(crate) async fn with_device(
    login: &Login,
    bootstrap: &Bootstrap,
    ui: Ui,
) -> Result<SecretString, Failure> {
    let sign_in = DeviceLogin::start(login).await?;
    let expires_in = sign_in.expires_in().as_secs();
    ui.event(&Event::DeviceCode {
        user_code: sign_in.user_code(),
        verification_uri: sign_in.verification_uri(),
        expires_in,
    });
    ui.say(format!("Open: {}", sign_in.verification_uri()));
    ui.say(format!("Code: {}   (good for {} minutes)", sign_in.user_code(), expires_in / 60));
    ui.say(format!(
        "Go on only if you started this login yourself, just now, in this terminal: it signs the terminal in as you, \
         in tenant {} by application {}. A code that came by mail, chat or telephone is a trap.",
        bootstrap.tenant, bootstrap.client_id
    ));
    Ok(sign_in.poll().await?.id_token)
}
