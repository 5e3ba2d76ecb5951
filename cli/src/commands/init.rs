//! `sluice init`.

use std::path::Path;

use sluice_engine::Engine;

use crate::{failure::Failure, screen::Screen};

/// Makes a home in `dir`; whoever runs this administers it.
pub(super) async fn init(dir: &Path, screen: &mut Screen) -> Result<(), Failure> {
    let creator = creator();
    Engine::create(dir, &creator).await?.close().await;
    let dir = dir.display();
    screen.say(&format!(
        "made a home in `{dir}`; `{creator}` administers it, and reads only what is granted\n\
         next: `export SLUICE_HOME={dir}`, then `sluice sql` for a shell, or `sluice sql -f FILE`; \
         `sluice demo` shows where this leads"
    ));
    Ok(())
}

/// The name of the operating system's user.
fn creator() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|variable| std::env::var(variable).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "admin".to_owned())
}
