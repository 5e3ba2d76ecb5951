//! The two places that a command writes to: standard output for results, standard error for everything else.

use std::io::{self, BufWriter, IsTerminal, Write};

use console::{Style, Term};

use crate::args::{Common, Format, When};

/// Where a command's results and notes go.
pub(crate) struct Screen {
    /// How results are written.
    pub(crate) format: Format,
    output: Output,
    output_is_terminal: bool,
    errors_are_terminal: bool,
    color_output: bool,
    color_errors: bool,
    quiet: bool,
    /// How wide results may be where no terminal says so.
    width: Option<u16>,
}

impl Screen {
    /// The process's own output, as `common` asks for it.
    pub(crate) fn new(common: &Common) -> Self {
        let output_is_terminal = io::stdout().is_terminal();
        let errors_are_terminal = io::stderr().is_terminal();
        let color = |is_terminal| match common.color {
            When::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            When::Always => true,
            When::Never => false,
        };
        Self {
            format: common.format,
            output: Output::new(Box::new(io::stdout())),
            output_is_terminal,
            errors_are_terminal,
            color_output: color(output_is_terminal),
            color_errors: color(errors_are_terminal),
            quiet: false,
            width: None,
        }
    }

    /// Lets results be no wider than `width` where no terminal says so.
    pub(crate) fn set_width(&mut self, width: u16) {
        self.width = Some(width);
    }

    /// Whether notes and progress are left out from now on. Results and errors never are.
    pub(crate) fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// Whether notes and progress are left out.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Where results go.
    pub(crate) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Whether somebody looks at the results as they appear.
    pub(crate) fn output_is_terminal(&self) -> bool {
        self.output_is_terminal
    }

    /// Whether somebody looks at notes and errors as they appear.
    pub(crate) fn errors_are_terminal(&self) -> bool {
        self.errors_are_terminal
    }

    /// Whether results are coloured.
    pub(crate) fn color_output(&self) -> bool {
        self.color_output
    }

    /// Whether notes and errors are coloured.
    pub(crate) fn color_errors(&self) -> bool {
        self.color_errors
    }

    /// How many characters fit on a line of results; `None` where nothing has to fit.
    pub(crate) fn output_width(&self) -> Option<u16> {
        let terminal = self.output_is_terminal.then(|| Term::stdout().size_checked()).flatten();
        terminal.map(|(_, columns)| columns).or(self.width)
    }

    /// How many characters fit on a line of notes and errors; `None` where nothing has to fit.
    pub(crate) fn error_width(&self) -> Option<u16> {
        self.errors_are_terminal.then(|| Term::stderr().size_checked()).flatten().map(|(_, columns)| columns)
    }

    /// Writes text to standard error, after all results so far.
    ///
    /// Nothing is left to do where standard error is closed, so that is ignored.
    pub(crate) fn say(&mut self, text: &str) {
        let _ = self.output.flush();
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Writes a note to standard error, dimmed.
    pub(crate) fn note(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        let text = paint(text, Style::new().dim(), self.color_errors);
        self.say(&text);
    }

    /// Writes text to standard output in `style` where that is coloured.
    ///
    /// # Errors
    /// What writing to standard output can fail with.
    pub(crate) fn print(&mut self, text: &str, style: Style) -> io::Result<()> {
        let text = paint(text, style, self.color_output);
        writeln!(self.output, "{text}")
    }
}

fn paint(text: &str, style: Style, colored: bool) -> String {
    style.apply_to(text).force_styling(colored).to_string()
}

/// Standard output, which remembers whether its reader has gone.
pub(crate) struct Output {
    inner: BufWriter<Box<dyn Write + Send>>,
    abandoned: bool,
}

impl Output {
    pub(crate) fn new(inner: Box<dyn Write + Send>) -> Self {
        Self { inner: BufWriter::with_capacity(64 * 1024, inner), abandoned: false }
    }

    /// Whether the reader has gone, so that there is nobody left to tell anything.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    fn watch<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.abandoned = true;
        }
        result
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.watch(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.watch(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_remembered() {
        let mut output = Output::new(Box::new(Gone));
        assert!(output.write_all(b"row").is_ok() && !output.is_abandoned());
        assert!(output.flush().is_err() && output.is_abandoned());
    }
}
