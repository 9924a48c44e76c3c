//! The person's browser.

use std::thread;

use url::Url;
use webbrowser::{Browser, BrowserOptions};

/// Asks the system, or what `$BROWSER` names, to open the address; whether it opened is not known.
///
/// On a thread of its own: a browser in the terminal would hold us until it is closed. The address is also printed,
/// so that nothing is lost when no browser is there.
pub(crate) fn open(url: &Url) {
    if !matches!(url.scheme(), "http" | "https") {
        return;
    }
    let address = url.to_string();
    // Its output would mix with ours.
    thread::spawn(move || {
        let mut options = BrowserOptions::new();
        options.with_suppress_output(true);
        webbrowser::open_browser_with_options(Browser::Default, &address, &options)
    });
}
