/// For a number of Entra: what happened, and what to do about it. Never a reason to act differently: Entra says
/// that the numbers may change.
pub(super) fn advice(code: u32) -> Option<(&'static str, &'static str)> {
    const ADMINISTRATOR: &str = "show this to the administrator of your tenant";
    const SIGN_IN: &str = "sign in again";
    const APP: &str = "ask your administrator to correct the app registration or the client id";
    Some(match code {
        16000 | 50058 => ("Entra needs you to choose an account", SIGN_IN),
        50011 => (
            "Entra does not know our redirect address",
            "ask your administrator to add the redirect URI http://localhost under \"Mobile and desktop\"",
        ),
        50020 => (
            "the account belongs to another tenant",
            "sign in with your account of this tenant, or sign out in the browser first",
        ),
        50034 => ("there is no such account in the tenant", "check the address and sign in again"),
        50053 => ("the account is locked after too many attempts", "wait a while, then sign in again"),
        50055 | 50144 => ("the password has expired", "change it in the browser, then sign in again"),
        50057 => ("the account is disabled", ADMINISTRATOR),
        50072 | 50074 | 50076 | 50079 | 50158 => {
            ("Entra wants another proof that it is you", "sign in again in the browser")
        }
        50105 => (
            "you are not assigned to this application",
            "ask the administrator of your tenant to assign you, or one of your groups, to it",
        ),
        50126 => ("name or password is wrong", SIGN_IN),
        50134 => ("the device code was entered at another data centre", SIGN_IN),
        50173 | 54005 | 70000 | 70008 | 70043 | 700_082 => {
            ("the earlier sign-in is no longer valid", SIGN_IN)
        }
        50194 | 90002 | 90072 => ("the tenant is not the one of this application", APP),
        50196 => ("Entra saw the same request too often", "wait a few minutes, then sign in again"),
        53000 => ("this device does not comply with your organisation's rules", ADMINISTRATOR),
        53001 => ("this device is not joined to your organisation", ADMINISTRATOR),
        53003 | 530_032 | 530_035 => (
            "a Conditional Access policy blocks this sign-in",
            "use the browser login instead of a device code, or show this to the administrator of your tenant",
        ),
        65001 | 90094 => (
            "nobody has consented to this application yet",
            "sign in once in the browser and accept, or ask your administrator to grant consent for all",
        ),
        65004 => ("consent was declined", "sign in again and accept"),
        700_016 => ("the application is not known in this tenant", APP),
        700_025 => (
            "the application is registered as a confidential one",
            "ask your administrator to register it under \"Mobile and desktop\"",
        ),
        7_000_218 => (
            "the application does not allow public clients",
            "ask your administrator to set \"Allow public client flows\" to yes",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn the_numbers_that_people_meet_have_a_way_out() {
        for code in [53003, 50057, 50105, 65001, 700_016, 7_000_218, 50011, 50020, 50034] {
            let (sentence, next) = advice(code).unwrap();
            assert!(!sentence.ends_with('.') && !next.ends_with('.'), "{code}");
        }
    }
}
