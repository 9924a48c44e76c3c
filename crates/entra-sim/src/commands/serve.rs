//! `entra-sim serve`.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use sallyport_entra_sim::{Options, SelfSigned, Sim, Tenant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Serve;

pub(crate) async fn run(args: Serve) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&args.tenant)
        .with_context(|| format!("cannot read the tenant file {}", args.tenant.display()))?;
    let tenant = Tenant::from_toml(&text).with_context(|| format!("in {}", args.tenant.display()))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}: choose another --listen address", args.listen))?;
    let tls = match &args.tls_self_signed {
        Some(dir) => Some(self_signed(dir, &args)?),
        None => None,
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let sim = Sim::start(tenant, listener, Options { public_host: args.public_host, tls })?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "issuer: {}", sim.issuer())?;
    stdout.flush()?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

fn self_signed(dir: &Path, args: &Serve) -> anyhow::Result<SelfSigned> {
    let tls = SelfSigned::generate(args.listen.ip(), args.public_host.as_deref())?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let file = dir.join("root.pem");
    std::fs::write(&file, tls.root_pem()).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(tls)
}
