//! As much of a CA as a host can see, with buttons: what it says, how long its leases are, and how it lies.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::OsRng;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sallyport_client::SystemClock;
use sallyport_domain::{
    Clock as _, Generation, HostId, HostName, HostPatterns, PosixGroups, PosixName, Principal, Tags, Uid,
    UserId,
};
use sallyport_protocol::{
    Account, Bootstrap, Content, EnrollReply, EnrollRequest, Fingerprint, HostCertificateReply,
    HostCertificateRequest, HostKeyProof, Lease, Namespace, PosixGroup, Report, RequestSignature, Signed,
    SignedRequest, SnapshotHeader, SnapshotReply, path, sha256_hex, verify_armored,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ssh_key::certificate::{Builder, CertType};
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};

pub(super) const TOKEN: &str = "an-enrolment-token";

/// What the road between host and CA does to answers.
#[derive(Clone, Debug, Default)]
pub(super) enum Road {
    /// One byte of a snapshot's content is another.
    Alters,
    /// Nothing gets through.
    Closed,
    /// Whatever is asked: this answer again.
    Repeats(Box<SnapshotReply>),
    #[default]
    Straight,
}

pub(super) struct MiniCa {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    identity: PrivateKey,
    user_ca: PrivateKey,
    host_ca: PrivateKey,
    tls_root: String,
    said: Mutex<Said>,
    changed: Condvar,
}

struct Said {
    content: Content,
    generation: Generation,
    host: Option<(HostId, PublicKey, Vec<HostName>)>,
    last: Option<SnapshotReply>,
    lease: SignedDuration,
    reports: Vec<Report>,
    road: Road,
}

/// A person, and the key and certificate that they log in with.
#[derive(Clone, Debug)]
pub(super) struct Engineer {
    pub(super) name: &'static str,
    pub(super) identity: PathBuf,
    account: Account,
}

impl Engineer {
    pub(super) fn with_sudo(mut self) -> Self {
        self.account.sudo = true;
        self
    }

    /// In a group that the host has.
    pub(super) fn in_local_group(mut self, group: &str) -> Self {
        self.account.groups.local.extend(group.parse::<PosixName>());
        self
    }

    /// In a group that hosts get from the CA.
    pub(super) fn in_managed_group(mut self, group: &str) -> Self {
        self.account.groups.managed.extend(group.parse::<PosixName>());
        self
    }

    /// Whose own group has another number than the account.
    pub(super) fn with_gid(mut self, gid: u32) -> Self {
        self.account.gid = Uid::try_from(gid).ok();
        self
    }
}

impl MiniCa {
    pub(super) fn start(at: Ipv4Addr) -> Result<Self> {
        let key = || PrivateKey::random(&mut OsRng, Algorithm::Ed25519);
        let (tls_root, tls) = tls(at)?;
        let said = Said {
            content: Content::default(),
            generation: Generation::ZERO.next(SystemClock.now()),
            host: None,
            last: None,
            lease: SignedDuration::from_hours(72),
            reports: Vec::new(),
            road: Road::Straight,
        };
        let inner = Arc::new(Inner {
            identity: key()?,
            user_ca: key()?,
            host_ca: key()?,
            tls_root,
            said: Mutex::new(said),
            changed: Condvar::new(),
        });
        inner.lock().content.user_ca_keys = vec![inner.user_ca.public_key().to_openssh()?];
        let listener = TcpListener::bind((at, 0))?;
        let address = listener.local_addr()?;
        let serving = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (inner, tls) = (Arc::clone(&serving), Arc::clone(&tls));
                thread::spawn(move || drop(inner.serve(stream, tls)));
            }
        });
        Ok(Self { address, inner })
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(super) fn fingerprint(&self) -> String {
        Fingerprint::of(self.inner.identity.public_key()).to_string()
    }

    /// A person with a fresh key and a certificate, whose account is not on any host yet.
    pub(super) fn engineer(&self, folder: &Path, name: &'static str, uid: u32) -> Result<Engineer> {
        let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        let user = UserId::generate(SystemClock.now(), &mut OsRng);
        let identity = folder.join(name);
        fs::write(&identity, key.to_openssh(LineEnding::LF)?)?;
        fs::set_permissions(&identity, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let mut certificate = certificate(key.public_key(), CertType::User)?;
        certificate.serial(uid.into())?.valid_principal(format!("u:{user}"))?.extension("permit-pty", "")?;
        let line = certificate.sign(&self.inner.user_ca)?.to_openssh()?;
        fs::write(folder.join(format!("{name}-cert.pub")), line)?;
        let account = Account {
            name: name.parse::<PosixName>()?,
            uid: Uid::try_from(uid)?,
            user,
            label: name.to_uppercase(),
            principals: vec![Principal::from(user)],
            sudo: false,
            gid: None,
            adopt: None,
            groups: PosixGroups::default(),
        };
        Ok(Engineer { name, identity, account })
    }

    /// From now on exactly these people belong on the host.
    pub(super) fn grant(&self, people: &[&Engineer]) -> Generation {
        let mut accounts: Vec<Account> = people.iter().map(|person| person.account.clone()).collect();
        accounts.sort_by(|a, b| a.name.cmp(&b.name));
        self.change(|content| content.accounts = accounts)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Content)) -> Generation {
        let mut said = self.inner.lock();
        change(&mut said.content);
        said.generation = said.generation.next(SystemClock.now());
        self.inner.changed.notify_all();
        said.generation
    }

    /// From now on hosts get this group.
    pub(super) fn give_group(&self, name: &str, gid: u32) -> Result<Generation> {
        let group = PosixGroup { name: name.parse()?, gid: Uid::try_from(gid)? };
        Ok(self.change(|content| content.posix_groups = vec![group]))
    }

    pub(super) fn revoke(&self, krl: &[u8]) -> Generation {
        self.change(|content| content.krl = STANDARD.encode(krl))
    }

    pub(super) fn lease(&self, seconds: i64) {
        self.inner.lock().lease = SignedDuration::from_secs(seconds);
    }

    pub(super) fn road(&self, road: Road) {
        self.inner.lock().road = road;
        self.inner.changed.notify_all();
    }

    /// The last honest answer to a poll.
    pub(super) fn last_answer(&self) -> Option<SnapshotReply> {
        self.inner.lock().last.clone()
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        self.inner.lock().reports.clone()
    }

    /// Waits until the host says that it applied this generation, and gives its report.
    pub(super) fn applied(&self, generation: Generation, within: Duration) -> Result<Report> {
        let found = |reports: &[Report]| reports.iter().rev().find(|r| r.applied >= generation).cloned();
        sallyport_tests::wait_until(&format!("generation {generation} on the host"), within, || {
            found(&self.reports())
        })
        .with_context(|| format!("{:?}", self.reports().last()))
    }

    /// Waits for a report that names this problem.
    pub(super) fn complaint(&self, code: &str, within: Duration) -> Result<String> {
        sallyport_tests::wait_until(&format!("the problem {code}"), within, || {
            let last = self.reports().pop()?;
            last.problems.into_iter().find(|problem| problem.code == code).map(|problem| problem.detail)
        })
        .with_context(|| format!("{:?}", self.reports().last()))
    }

    /// Writes the known_hosts line that trusts our host certificates, and no key.
    pub(super) fn known_hosts(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join("trusted_cas");
        let line = self.inner.host_ca.public_key().to_openssh()?;
        fs::write(&file, format!("@cert-authority *.contoso.test {line}\n"))?;
        Ok(file)
    }

    /// Writes the public key of the user CA, for `ssh-keygen -k`.
    pub(super) fn user_ca_file(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join("user_ca.pub");
        fs::write(&file, self.inner.user_ca.public_key().to_openssh()?)?;
        Ok(file)
    }
}

fn certificate(key: &PublicKey, kind: CertType) -> Result<Builder> {
    let now = u64::try_from(SystemClock.now().as_second())?;
    let mut builder =
        Builder::new_with_random_nonce(&mut OsRng, key.key_data().clone(), now - 300, now + 3_600)?;
    builder.cert_type(kind)?;
    Ok(builder)
}

/// A root, and a server with a certificate of it for this address.
fn tls(at: Ipv4Addr) -> Result<(String, Arc<ServerConfig>)> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec![at.to_string()])?.signed_by(&key, &root)?;
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], der)?;
    Ok((root.pem(), Arc::new(config)))
}

struct Request {
    method: String,
    target: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request a connection.
    fn serve(&self, stream: TcpStream, tls: Arc<ServerConfig>) -> Result<()> {
        if matches!(self.lock().road, Road::Closed) {
            return Ok(());
        }
        let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(tls)?, stream));
        let request = read_request(&mut stream)?;
        let (status, body) = match self.answer(&request) {
            Ok(body) => ("200 OK", body),
            Err(error) => {
                let problem = serde_json::json!({"status": 401, "code": "unauthorized", "detail": format!("{error:#}")});
                ("401 Unauthorized", problem.to_string())
            }
        };
        if matches!(self.lock().road, Road::Closed) {
            return Ok(());
        }
        let kind = if status.starts_with('2') { "application/json" } else { "application/problem+json" };
        let stream = stream.get_mut();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )?;
        stream.conn.send_close_notify();
        stream.flush()?;
        Ok(())
    }

    fn answer(&self, request: &Request) -> Result<String> {
        let route = request.target.split('?').next().unwrap_or_default();
        match route {
            path::BOOTSTRAP => json(&Signed::seal(&self.bootstrap()?, &self.identity, Namespace::Bootstrap)?),
            path::HOST_ENROLL => json(&self.enroll(request)?),
            path::HOST_SNAPSHOT => json(&self.snapshot(request)?),
            path::HOST_CERTIFICATE => {
                let (_, machine_key, names) = self.host()?;
                self.signed_by(request, &machine_key)?;
                let asked: HostCertificateRequest = read(&request.body)?;
                let certificate =
                    self.certify(&asked.host_key, &asked.host_key_signature, &machine_key, &names)?;
                json(&HostCertificateReply { certificate })
            }
            path::HOST_REPORT => {
                self.signed_by(request, &self.host()?.1)?;
                self.lock().reports.push(read(&request.body)?);
                Ok("{}".into())
            }
            other => bail!("no route {other}"),
        }
    }

    fn bootstrap(&self) -> Result<Bootstrap> {
        Ok(Bootstrap {
            issuer: "https://login.contoso.test".into(),
            tenant: "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311".parse()?,
            client_id: "none".into(),
            device_login: "off".into(),
            user_ca_keys: vec![self.user_ca.public_key().to_openssh()?],
            host_ca_keys: vec![self.host_ca.public_key().to_openssh()?],
            host_domains: HostPatterns::new(vec!["*.contoso.test".parse()?]),
            tls_roots: vec![self.tls_root.clone()],
            versions: vec![1],
        })
    }

    fn host(&self) -> Result<(HostId, PublicKey, Vec<HostName>)> {
        self.lock().host.clone().context("no host is enrolled")
    }

    fn signed_by(&self, request: &Request, key: &PublicKey) -> Result<String> {
        let header = request.authorization.as_deref().context("not signed")?;
        let signature: RequestSignature = header.parse()?;
        let signed = SignedRequest {
            method: &request.method,
            path_and_query: &request.target,
            body: &request.body,
            ca: Fingerprint::of(self.identity.public_key()),
        };
        signature.verify(&signed, key)?;
        Ok(signature.nonce)
    }

    fn enroll(&self, request: &Request) -> Result<EnrollReply> {
        let asked: EnrollRequest = read(&request.body)?;
        ensure!(asked.token == TOKEN, "the token is not good");
        let machine_key: PublicKey = asked.machine_key.parse()?;
        self.signed_by(request, &machine_key)?;
        let certificate =
            self.certify(&asked.host_key, &asked.host_key_signature, &machine_key, &asked.names)?;
        let host = HostId::generate(SystemClock.now(), &mut OsRng);
        let name = asked.names.first().context("no name")?.clone();
        self.lock().host = Some((host, machine_key, asked.names));
        Ok(EnrollReply { host, name, tags: Tags::new(["env=test".parse()?])?, certificate })
    }

    fn certify(&self, key: &str, proof: &str, machine_key: &PublicKey, names: &[HostName]) -> Result<String> {
        let host_key: PublicKey = key.parse()?;
        let message = HostKeyProof {
            ca: Fingerprint::of(self.identity.public_key()),
            machine_key: Fingerprint::of(machine_key),
            host_key: Fingerprint::of(&host_key),
        };
        verify_armored(&host_key, Namespace::HostKey, &message.message(), proof)?;
        let mut certificate = certificate(&host_key, CertType::Host)?;
        for name in names {
            certificate.valid_principal(name.as_str())?;
        }
        Ok(certificate.sign(&self.host_ca)?.to_openssh()?)
    }

    fn snapshot(&self, request: &Request) -> Result<SnapshotReply> {
        let (host, machine_key, _) = self.host()?;
        let nonce = self.signed_by(request, &machine_key)?;
        let query = |name: &str| {
            let (_, query) = request.target.split_once('?')?;
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?.parse::<u64>().ok()
        };
        let after = Generation::new(query("after").context("no after")?);
        let until = Instant::now() + Duration::from_secs(query("wait").context("no wait")?);
        let mut said = self.lock();
        while said.generation <= after && matches!(said.road, Road::Straight) {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            said = self.changed.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let issued_at = SystemClock.now();
        let lease_until = issued_at + said.lease;
        let honest = if said.generation > after {
            self.news(&said, host, issued_at, lease_until)?
        } else {
            let lease = Lease { host, generation: after, nonce, issued_at, lease_until };
            SnapshotReply::Unchanged { lease: Signed::seal(&lease, &self.identity, Namespace::Lease)? }
        };
        let reply = on_the_road(&said.road, honest.clone());
        said.last = Some(honest);
        Ok(reply)
    }

    fn news(
        &self,
        said: &Said,
        host: HostId,
        issued_at: Timestamp,
        lease_until: Timestamp,
    ) -> Result<SnapshotReply> {
        let content = serde_json::to_string(&said.content)?;
        let header = SnapshotHeader {
            host,
            generation: said.generation,
            issued_at,
            lease_until,
            counts: said.content.counts(),
            content_sha256: sha256_hex(content.as_bytes()),
        };
        Ok(SnapshotReply::New {
            snapshot: Signed::seal(&header, &self.identity, Namespace::Snapshot)?,
            content,
        })
    }
}

fn on_the_road(road: &Road, honest: SnapshotReply) -> SnapshotReply {
    match (road, honest) {
        (Road::Repeats(reply), _) => (**reply).clone(),
        (Road::Alters, SnapshotReply::New { snapshot, content }) => {
            SnapshotReply::New { snapshot, content: content.replace("\"sudo\":false", "\"sudo\":true") }
        }
        (_, honest) => honest,
    }
}

fn read_request(stream: &mut impl std::io::BufRead) -> Result<Request> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(ToOwned::to_owned);
    let (method, target) = (words.next().context("no method")?, words.next().context("no target")?);
    let (mut authorization, mut length) = (None, 0);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Request { method, target, authorization, body })
}

fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    Ok(serde_json::from_slice(body)?)
}
