use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::callback::{Callback, Expected, Reading};
use super::{LoginError, page};

/// Browsers open connections ahead of time and leave them silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest request head that is read, in bytes. Entra's codes take one or two KiB.
const LARGEST_HEAD: usize = 32 * 1024;

/// Answers one connection; the outcome of the sign-in if this was the visit that brings it.
pub(super) async fn receive(
    mut stream: TcpStream,
    expected: &Expected,
) -> Option<Result<Callback, LoginError>> {
    let target = timeout(PATIENCE, read_target(&mut stream)).await.ok()??;
    let (answer, outcome) = answer(target.as_deref(), expected);
    // The person's page is a courtesy: the sign-in counts even when the browser does not wait for it.
    let _ = timeout(PATIENCE, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
    outcome
}

/// The target of a GET; the inner `None` for another method or for no HTTP at all, the outer for a lost connection.
async fn read_target(stream: &mut TcpStream) -> Option<Option<String>> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => head.extend_from_slice(buffer.get(..count)?),
            _ => return None,
        }
        if head.len() > LARGEST_HEAD {
            return Some(None);
        }
    }
    let text = String::from_utf8_lossy(&head);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    match (words.next(), words.next()) {
        (Some("GET"), Some(target)) => Some(Some(target.to_owned())),
        _ => Some(None),
    }
}

fn answer(target: Option<&str>, expected: &Expected) -> (String, Option<Result<Callback, LoginError>>) {
    let Some(target) = target else {
        return (
            page::response(
                "400 Bad Request",
                "Not understood",
                "This address takes the answer of a sign-in.",
            ),
            None,
        );
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != "/" {
        return (
            page::response("404 Not Found", "Nothing here", "This address takes the answer of a sign-in."),
            None,
        );
    }
    match expected.read(query) {
        Reading::Ours(Ok(callback)) => {
            let text = "Go on in your terminal. You can close this page.";
            (page::response("200 OK", "You are signed in", text), Some(Ok(callback)))
        }
        Reading::Ours(Err(error)) => {
            let text = format!("{error}. To go on: {}.", error.advice());
            (page::response("200 OK", "You are not signed in", &text), Some(Err(error)))
        }
        Reading::Strange => {
            let text = "This is not the answer to the sign-in that is waiting. \
                        Use the link that your terminal printed last.";
            (page::response("400 Bad Request", "Not this sign-in", text), None)
        }
    }
}
