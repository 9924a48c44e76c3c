//! As much of HTML as sign-in pages use.

use reqwest::Method;
use url::form_urlencoded;

/// A form with its fields as they would be sent.
#[derive(Clone, Debug)]
pub struct Form {
    /// Relative to the page's address.
    pub action: String,
    pub fields: Vec<(String, String)>,
    pub method: Method,
    visible: Vec<String>,
}

impl Form {
    pub(super) fn first(page: &str) -> Option<Self> {
        let begin = find_tag(page, "form")?;
        let end = page[begin..].find("</form").map_or(page.len(), |end| begin + end);
        let form = Tag::parse(&page[begin..end]);
        let method = match form.attribute("method") {
            Some(method) if method.eq_ignore_ascii_case("post") => Method::POST,
            _ => Method::GET,
        };
        let mut found = Self {
            action: form.attribute("action").unwrap_or_default(),
            fields: vec![],
            method,
            visible: vec![],
        };
        let mut rest = &page[begin..end];
        while let Some(at) = find_tag(rest, "input") {
            found.take(&Tag::parse(&rest[at..]));
            rest = &rest[at + 1..];
        }
        Some(found)
    }

    /// Sets a field, whether the page has it or not.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// The names of the fields that a person sees and fills in.
    pub(super) fn asks_for(&self) -> Vec<String> {
        self.visible.clone()
    }

    pub(super) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }

    fn take(&mut self, input: &Tag) {
        let Some(name) = input.attribute("name") else { return };
        let kind = input.attribute("type").unwrap_or_default().to_ascii_lowercase();
        match kind.as_str() {
            // A button counts only when it is pressed.
            "button" | "image" | "reset" | "submit" => return,
            "hidden" => {}
            _ => self.visible.push(name.clone()),
        }
        self.fields.push((name, input.attribute("value").unwrap_or_default()));
    }
}

/// The page without its tags, styles and scripts, in one line.
pub(super) fn text(page: &str) -> String {
    let mut page = page.to_owned();
    for element in ["head", "script", "style"] {
        while let Some(begin) = find_tag(&page, element) {
            let end = page[begin..].find(&format!("</{element}")).map_or(page.len(), |end| begin + end);
            page.replace_range(begin..end, "");
        }
    }
    let mut text = String::new();
    for piece in page.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
        text.push(' ');
    }
    unescape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Where the first such opening tag begins, `<` included.
fn find_tag(page: &str, name: &str) -> Option<usize> {
    let opening = format!("<{name}");
    page.match_indices(&opening).map(|(at, _)| at).find(|at| {
        let after = page[at + opening.len()..].chars().next();
        after.is_none_or(|char| char.is_whitespace() || matches!(char, '>' | '/'))
    })
}

/// The attributes of one opening tag.
struct Tag(Vec<(String, String)>);

impl Tag {
    fn parse(from: &str) -> Self {
        let mut attributes = Vec::new();
        let mut rest = from.trim_start_matches(|char: char| !char.is_whitespace() && char != '>');
        loop {
            rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '/');
            if rest.is_empty() || rest.starts_with('>') {
                return Self(attributes);
            }
            let end = rest.find(|char: char| char.is_whitespace() || matches!(char, '=' | '>' | '/'));
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            let (value, after) = Self::value(after);
            attributes.push((name.to_ascii_lowercase(), unescape(value)));
            rest = after;
        }
    }

    fn value(rest: &str) -> (&str, &str) {
        let Some(value) = rest.strip_prefix('=') else { return ("", rest) };
        for quote in ['"', '\''] {
            if let Some(value) = value.strip_prefix(quote) {
                return value.split_once(quote).unwrap_or((value, ""));
            }
        }
        value.split_at(value.find(|char: char| char.is_whitespace() || char == '>').unwrap_or(value.len()))
    }

    fn attribute(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

fn unescape(text: &str) -> String {
    let mut text = text.to_owned();
    // The ampersand last: what it unmasks is not escaped again.
    for (escaped, plain) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")]
    {
        text = text.replace(escaped, plain);
    }
    text
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::{Form, text};

    #[test]
    fn a_form_gives_its_hidden_fields_and_asks_for_the_others() {
        let page = "<html><format><form novalidate method=\"post\" action='/go?a=1&amp;b=2'>\n\
            <input type=hidden name=flow value=\"x &quot;y&quot;\"/><input name=\"loginfmt\" autofocus>\
            <input type=password name=passwd><input type=submit name=ok value=ok></form><input name=other>";
        let mut form = Form::first(page).unwrap();
        assert_eq!((form.action.as_str(), &form.method), ("/go?a=1&b=2", &Method::POST));
        assert_eq!(form.asks_for(), ["loginfmt", "passwd"]);
        form.set("passwd", "p&w");
        assert_eq!(form.encode(), "flow=x+%22y%22&loginfmt=&passwd=p%26w");
    }

    #[test]
    fn a_page_is_read_without_its_tags() {
        assert_eq!(
            text("<head><title>no</title></head><p>AADSTS50126: <b>wrong</b>\n pass</p>"),
            "AADSTS50126: wrong pass"
        );
    }
}
