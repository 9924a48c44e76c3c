//! The load: connections that each send a request, wait for the whole answer, and send the next.
//!
//! One thread that does as little as possible, since it takes its time from the same cores as the CA: what is sent
//! was made before, what comes back is judged afterwards.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::str;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::requests::Prepared;

/// A level that is not done by then is cut short: its rate counts what was answered.
const LONGEST: Duration = Duration::from_secs(20);

/// A single answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
pub(crate) struct Run {
    pub(crate) took: Duration,
    /// From the first byte sent to the last byte read; one for each answer, shortest first.
    pub(crate) waits: Vec<Duration>,
    pub(crate) answers: Vec<Answer>,
}

pub(crate) struct Answer {
    /// The request's place in the list.
    pub(crate) request: usize,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// # Errors
/// A connection broke: with a healthy CA none does.
pub(crate) fn run(address: SocketAddr, connections: usize, requests: &[Prepared]) -> Result<Run> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wire: Rc<Vec<Vec<u8>>> = Rc::new(requests.iter().map(|request| request.bytes.clone()).collect());
    let seen = Rc::new(RefCell::new(Vec::with_capacity(requests.len())));
    let next = Rc::new(Cell::new(0));
    let took = LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let began = Instant::now();
        let talks: Vec<_> = streams
            .into_iter()
            .map(|stream| {
                let (wire, seen, next) = (Rc::clone(&wire), Rc::clone(&seen), Rc::clone(&next));
                tokio::task::spawn_local(async move { talk(stream, &wire, &next, &seen, began).await })
            })
            .collect();
        for talk in talks {
            talk.await??;
        }
        anyhow::Ok(began.elapsed())
    })?;
    let (mut waits, answers): (Vec<_>, Vec<_>) = seen.take().into_iter().unzip();
    waits.sort_unstable();
    Ok(Run { took, waits, answers })
}

async fn talk(
    mut stream: TcpStream,
    wire: &[Vec<u8>],
    next: &Cell<usize>,
    seen: &RefCell<Vec<(Duration, Answer)>>,
    began: Instant,
) -> Result<()> {
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        let request = next.get();
        let Some(bytes) = wire.get(request).filter(|_| began.elapsed() < LONGEST) else { return Ok(()) };
        next.set(request + 1);
        let sent = Instant::now();
        stream.write_all(bytes).await?;
        let answer = tokio::time::timeout(PATIENCE, read(&mut stream, &mut buffer));
        let (status, body) = answer.await.context("no answer in time")??;
        seen.borrow_mut().push((sent.elapsed(), Answer { request, status, body }));
    }
}

/// One answer. The CA sends each with its length, and nothing after it before it is asked again.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(u16, Vec<u8>)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the CA closed the connection");
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let (head, body) = buffer.split_at(end + 4);
        let head = str::from_utf8(head)?;
        if body.len() >= length(head).context("an answer without its length")? {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return Ok((status.context("an answer without a status")?, body.to_vec()));
        }
    }
}

fn length(head: &str) -> Option<usize> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}
