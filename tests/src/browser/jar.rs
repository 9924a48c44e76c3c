//! Cookies, by host and path. Nothing expires but by being taken back.

use url::Url;

#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    host: String,
    name: String,
    path: String,
    value: String,
}

impl Jar {
    /// The value of the Cookie header for a request to `url`.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let host = url.host_str().unwrap_or_default();
        let matching = self.0.iter().filter(|cookie| cookie.host == host && covers(&cookie.path, url.path()));
        let pairs: Vec<_> = matching.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes one Set-Cookie header of an answer from `url`.
    pub(super) fn set(&mut self, url: &Url, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        // RFC 6265 section 5.1.4: up to the last slash of the request's path.
        let mut path = url.path().rsplit_once('/').map_or("/", |(folder, _)| folder).to_owned();
        let mut over = false;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" => value.clone_into(&mut path),
                "max-age" => over |= value == "0",
                // The one date that servers use to take a cookie back.
                "expires" => over |= value.contains("1970"),
                _ => {}
            }
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        self.0.retain(|known| (&known.host, known.name.as_str(), &known.path) != (&host, name, &path));
        if !over {
            self.0.push(Cookie { host, name: name.to_owned(), path, value: value.to_owned() });
        }
    }
}

/// RFC 6265 section 5.1.4.
fn covers(cookie: &str, path: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
        || cookie.is_empty()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::Jar;

    #[test]
    fn a_cookie_goes_back_to_its_own_paths_until_it_is_taken_back() {
        let at = |path: &str| Url::parse("http://127.0.0.1:8080").unwrap().join(path).unwrap();
        let mut jar = Jar::default();
        jar.set(&at("/a/login"), "flow=1; path=/a/b; httponly");
        jar.set(&at("/a/login"), "seen=yes");
        assert_eq!(jar.header(&at("/a/b/c")).as_deref(), Some("flow=1; seen=yes"));
        assert_eq!(jar.header(&at("/a/bc")).as_deref(), Some("seen=yes"));
        assert_eq!(jar.header(&at("/")), None);
        jar.set(&at("/a/x"), "flow=; path=/a/b; expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(jar.header(&at("/a/b/c")).as_deref(), Some("seen=yes"));
    }
}
