use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

const LONGEST_COMMAND: usize = 4096;
const LONGEST_ADDRESSES: usize = 4096;

/// What narrows a user certificate. sshd refuses a certificate with a critical option that it does not know, so there
/// are no others (PROTOCOL.certkeys).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CriticalOptions {
    /// Run this, whatever was asked for.
    pub force_command: Option<ForceCommand>,
    /// Only from these addresses; empty means from anywhere.
    pub source_address: Vec<SourceAddress>,
    /// The security key asks for a PIN or a finger. sshd does not enforce it for other keys.
    pub verify_required: bool,
}

/// A shell command line without line breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForceCommand(String);

/// A network: address and prefix length, the bits behind the prefix zero (or sshd's addr.c refuses the list).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SourceAddress {
    address: IpAddr,
    prefix: u8,
}

/// Why a critical option is not one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OptionError {
    #[error("a source address is written address/length, with zeros behind the length")]
    Address,
    #[error("a forced command has 1 to {LONGEST_COMMAND} characters and no line break")]
    Command,
    #[error("the critical options are unknown, doubled or out of order")]
    Unknown,
}

pub(crate) const FORCE_COMMAND: &str = "force-command";
pub(crate) const SOURCE_ADDRESS: &str = "source-address";
pub(crate) const VERIFY_REQUIRED: &str = "verify-required";

impl CriticalOptions {
    /// Name and value, in the byte order of the names as a certificate lists them.
    pub(crate) fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some(ForceCommand(command)) = &self.force_command {
            pairs.push((FORCE_COMMAND, command.clone()));
        }
        if !self.source_address.is_empty() {
            let addresses: Vec<String> = self.source_address.iter().map(ToString::to_string).collect();
            pairs.push((SOURCE_ADDRESS, addresses.join(",")));
        }
        if self.verify_required {
            pairs.push((VERIFY_REQUIRED, String::new()));
        }
        pairs
    }

    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match *name {
                FORCE_COMMAND => options.force_command = Some(value.parse()?),
                SOURCE_ADDRESS => {
                    options.source_address = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                VERIFY_REQUIRED if value.is_empty() => options.verify_required = true,
                _ => return Err(OptionError::Unknown),
            }
        }
        let back = options.to_pairs();
        let same = back.iter().map(|(name, value)| (*name, value.as_str())).eq(pairs.iter().copied());
        if same { Ok(options) } else { Err(OptionError::Unknown) }
    }

    pub(crate) fn check(&self) -> Result<(), OptionError> {
        let addresses: usize = self.source_address.iter().map(|address| address.to_string().len() + 1).sum();
        if addresses > LONGEST_ADDRESSES { Err(OptionError::Address) } else { Ok(()) }
    }
}

impl FromStr for ForceCommand {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if (1..=LONGEST_COMMAND).contains(&text.len()) && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(OptionError::Command)
        }
    }
}

impl FromStr for SourceAddress {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').ok_or(OptionError::Address)?;
        let address: IpAddr = address.parse().map_err(|_| OptionError::Address)?;
        let prefix: u8 = prefix.parse().map_err(|_| OptionError::Address)?;
        // Left-aligned in 128 bits, so that one shift serves both families.
        let (bits, width) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let behind = bits.checked_shl(u32::from(prefix)).unwrap_or(0);
        let parsed = Self { address, prefix };
        if prefix <= width && behind == 0 && parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(OptionError::Address)
        }
    }
}

impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_parse_as_sshd_reads_them() {
        for good in ["10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:db8::1/128"] {
            assert_eq!(good.parse::<SourceAddress>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "10.0.0.1",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "::1/64",
            "::/129",
            "a/8",
            "10.0.0.0/8,::/0",
        ] {
            assert!(bad.parse::<SourceAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn options_out_of_order_or_doubled_are_refused() {
        let good = [(FORCE_COMMAND, "true"), (SOURCE_ADDRESS, "10.0.0.0/8,::/0"), (VERIFY_REQUIRED, "")];
        assert!(CriticalOptions::from_pairs(&good).is_ok());
        for bad in [
            vec![good[1], good[0]],
            vec![good[0], good[0]],
            vec![("grant@contoso.test", "")],
            vec![(VERIFY_REQUIRED, "yes")],
            vec![(FORCE_COMMAND, "a\nb")],
            vec![(FORCE_COMMAND, "")],
            vec![(SOURCE_ADDRESS, "")],
        ] {
            assert!(CriticalOptions::from_pairs(&bad).is_err(), "{bad:?}");
        }
    }
}
