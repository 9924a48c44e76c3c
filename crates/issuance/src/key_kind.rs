/// The kinds of key that are certified here.
///
/// Not P-521 and DSA: nothing that makes keys by default makes them, and this program could not check their signatures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    EcdsaP256,
    EcdsaP384,
    Ed25519,
    Rsa,
    SkEcdsaP256,
    SkEd25519,
}

impl KeyKind {
    pub const ALL: [Self; 6] =
        [Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519, Self::Rsa, Self::SkEcdsaP256, Self::SkEd25519];

    /// The key's algorithm, as its line begins.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384",
            Self::Ed25519 => "ssh-ed25519",
            Self::Rsa => "ssh-rsa",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
        }
    }

    /// The type of a certificate for such a key (OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f).
    #[must_use]
    pub const fn certificate_name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-sha2-nistp256-cert-v01@openssh.com",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384-cert-v01@openssh.com",
            Self::Ed25519 => "ssh-ed25519-cert-v01@openssh.com",
            Self::Rsa => "ssh-rsa-cert-v01@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
            Self::SkEd25519 => "sk-ssh-ed25519-cert-v01@openssh.com",
        }
    }

    /// Whether a person has to touch a token to sign.
    #[must_use]
    pub const fn is_security_key(self) -> bool {
        matches!(self, Self::SkEcdsaP256 | Self::SkEd25519)
    }

    /// How many strings make up the key, its algorithm aside.
    pub(crate) const fn parts(self) -> usize {
        match self {
            Self::Ed25519 => 1,
            Self::EcdsaP256 | Self::EcdsaP384 | Self::Rsa | Self::SkEd25519 => 2,
            Self::SkEcdsaP256 => 3,
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn of_certificate_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.certificate_name() == name)
    }
}
