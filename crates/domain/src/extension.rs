use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! extensions {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What a user certificate allows beyond entering: all of it is off unless named (OpenSSH's PROTOCOL.certkeys).
        ///
        /// The order of the variants is the byte order of their names, because a certificate lists them so.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
        pub enum Extension {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl Extension {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl FromStr for Extension {
            type Err = UnknownExtension;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(UnknownExtension),
                }
            }
        }
    };
}

extensions! {
    /// A security key may sign without a touch.
    NoTouchRequired = "no-touch-required",
    X11Forwarding = "permit-X11-forwarding",
    AgentForwarding = "permit-agent-forwarding",
    PortForwarding = "permit-port-forwarding",
    Pty = "permit-pty",
    UserRc = "permit-user-rc",
}

impl Extension {
    /// What every certificate has; the rest comes by grant.
    pub const DEFAULT: [Self; 2] = [Self::PortForwarding, Self::Pty];
}

/// Text that names no extension of a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown certificate extension")]
pub struct UnknownExtension;

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_names() {
        assert!(Extension::ALL.is_sorted());
        assert!(Extension::ALL.is_sorted_by_key(|extension| extension.as_str()));
        for extension in Extension::ALL {
            assert_eq!(extension.as_str().parse(), Ok(*extension));
        }
        assert!("groups@contoso.test".parse::<Extension>().is_err());
    }
}
