//! A small HTTP server for tests: answers by a function, counts what was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came: `METHOD /path?query` and the body.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) body: String,
}

/// Status and extra head lines, then the body.
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) head: String,
    pub(crate) body: String,
    /// Takes the request and never answers.
    pub(crate) stalls: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
impl Answer {
    pub(crate) fn json(body: impl ToString) -> Self {
        Self {
            status: "200 OK",
            head: "Content-Type: application/json\r\n".into(),
            body: body.to_string(),
            stalls: false,
        }
    }

    pub(crate) fn error(status: &'static str, body: impl ToString) -> Self {
        Self { status, ..Self::json(body) }
    }
}

type Handler = Box<dyn FnMut(&Asked) -> Answer + Send>;

pub(crate) struct Loopback {
    pub(crate) port: u16,
    handler: Arc<Mutex<Handler>>,
    asked: Arc<AtomicUsize>,
}

impl Loopback {
    pub(crate) async fn start(handler: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shared, counter) = (handler.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone(), counter.clone()));
            }
        });
        Self { port, handler, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn answer_with(&self, handler: impl FnMut(&Asked) -> Answer + Send + 'static) {
        *self.handler.lock().unwrap() = Box::new(handler);
    }

    /// How many requests have come so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Mutex<Handler>>, counter: Arc<AtomicUsize>) {
    let Some(asked) = read(&mut stream).await else { return };
    counter.fetch_add(1, Ordering::SeqCst);
    let answer = (handler.lock().unwrap())(&asked);
    if answer.stalls {
        std::future::pending::<()>().await;
    }
    let head = format!(
        "HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n",
        answer.status,
        answer.body.len(),
        answer.head
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(answer.body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.ok()?;
        if count == 0 {
            return None;
        }
        text.extend_from_slice(&buffer[..count]);
        let all = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = all.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(|n| n.trim().parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            let line = head.lines().next()?.rsplit_once(' ')?.0.to_owned();
            return Some(Asked { line, body: body.to_owned() });
        }
    }
}
