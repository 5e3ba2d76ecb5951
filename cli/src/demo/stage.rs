//! How the demo looks: headings, and the commands that would do the same.

use std::io;

use console::Style;

use crate::{args::Format, screen::Screen};

/// As wide as a page.
const WIDTH: u16 = 120;

/// Where the demo is shown.
pub(super) struct Stage<'a> {
    screen: &'a mut Screen,
    headings: usize,
}

impl<'a> Stage<'a> {
    pub(super) fn new(screen: &'a mut Screen) -> Self {
        screen.format = Format::Table;
        screen.set_width(WIDTH);
        Self { screen, headings: 0 }
    }

    /// Where results go.
    pub(super) fn screen(&mut self) -> &mut Screen {
        self.screen
    }

    pub(super) fn title(&mut self, text: &str) -> io::Result<()> {
        self.screen.print(text, Style::new().bold())
    }

    /// The next step of the story.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.headings += 1;
        self.text("")?;
        self.screen.print(&format!("{}. {text}", self.headings), Style::new().bold().cyan())
    }

    /// What one would type, and may copy.
    pub(super) fn command(&mut self, command: &str) -> io::Result<()> {
        self.text("")?;
        self.screen.print(&format!("$ {}", command.replace('\n', "\n  ")), Style::new().green())
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.screen.print(text, Style::new())
    }

    /// Does something without its notes.
    pub(super) async fn quietly<T>(&mut self, action: impl AsyncFnOnce(&mut Screen) -> T) -> T {
        self.screen.set_quiet(true);
        let outcome = action(self.screen).await;
        self.screen.set_quiet(false);
        outcome
    }
}
