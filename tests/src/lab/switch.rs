//! The lab's network: a bridge in a network namespace of its own, where the machine's own packet filter and
//! forwarding rules do not reach, and one cable to this side.

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{command, process};

#[derive(Debug)]
pub(crate) struct Switch {
    cable: String,
    /// Holds the namespace; bridge and cables go with it.
    keeper: Child,
}

impl Switch {
    /// `number` is the lab's; this side gets the address `gateway`.
    pub(super) fn start(number: u8, gateway: Ipv4Addr) -> Result<Self> {
        let mut keeper = process::command("unshare");
        keeper
            .args([
                "--net",
                "sh",
                "-c",
                "ip link add br0 type bridge && ip link set br0 up && echo up && exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = process::spawn(keeper).context("cannot start the lab's switch")?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().context("no output")?).read_line(&mut line)?;
        let switch = Self { cable: format!("slp{number}"), keeper };
        if line.trim() != "up" {
            bail!("the lab's switch did not come up: are bridges supported by this kernel?");
        }
        switch.unplug();
        ip(&["link", "add", &switch.cable, "type", "veth", "peer", "name", "up0", "netns", &switch.id()])?;
        ip(&["addr", "add", &format!("{gateway}/24"), "dev", &switch.cable])?;
        ip(&["link", "set", &switch.cable, "up"])?;
        switch.ip(&["link", "set", "up0", "up", "master", "br0"])?;
        Ok(switch)
    }

    /// Plugs a host in: `port` names the switch's end of its cable, `host` is the host's first process.
    pub(crate) fn plug(&self, port: &str, host: i32, address: Ipv4Addr) -> Result<()> {
        let host = host.to_string();
        self.ip(&["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", &host])?;
        self.ip(&["link", "set", port, "up", "master", "br0"])?;
        let script = "ip link set lo up && ip addr add \"$1\"/24 dev eth0 && ip link set eth0 up";
        let mut inside = command::limited("nsenter");
        inside.args(["--target", &host, "--net", "sh", "-c", script, "plug", &address.to_string()]);
        command::run(&mut inside)?.ok().map(drop)
    }

    /// Lets a port's packets through, or swallows them without a word, as a broken network does.
    pub(crate) fn forward(&self, port: &str, on: bool) -> Result<()> {
        // Out of the bridge its cable leads nowhere, and the host's end cannot tell.
        if on {
            self.ip(&["link", "set", "dev", port, "master", "br0"])
        } else {
            self.ip(&["link", "set", "dev", port, "nomaster"])
        }
    }

    /// The kernel clears a namespace some time after its last process; its cable must be gone at once, because
    /// the next lab of this number makes it again.
    fn unplug(&self) {
        drop(ip(&["link", "del", &self.cable]));
    }

    fn id(&self) -> String {
        self.keeper.id().to_string()
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        let mut inside = command::limited("nsenter");
        inside.args(["--target", &self.id(), "--net", "ip"]).args(arguments);
        command::run(&mut inside)?.ok().map(drop)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.unplug();
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    command::run(Command::new("ip").args(arguments))?.ok().map(drop)
}
