//! The frame around every page.

const STYLE: &str = "body{font:15px/1.4 'Segoe UI',system-ui,sans-serif;background:#eef1f5;color:#1b1b1b;margin:0;\
display:grid;place-items:center;min-height:100vh}main{background:#fff;width:340px;padding:44px;\
box-shadow:0 2px 6px rgba(0,0,0,.2)}h1{font-size:24px;font-weight:600;margin:0 0 12px}label{display:block;\
margin:14px 0 2px;font-size:13px}input{width:100%;box-sizing:border-box;padding:8px 4px;border:0;\
border-bottom:1px solid #666;font:inherit}button{margin-top:18px;padding:8px 28px;border:0;background:#0067b8;\
color:#fff;font:inherit;cursor:pointer}button.other{background:#ccc;color:#000}.alert{color:#b00020}\
.small,footer{font-size:12px;color:#555}";

pub(super) fn layout(title: &str, heading: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <style>{STYLE}</style></head><body><main><h1>{}</h1>{body}\
         <footer><p>entra-sim: a simulated tenant. Type no real password here.</p></footer></main></body></html>",
        escape(title),
        escape(heading)
    )
}

pub(super) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
