//! One line per stage that changes in place.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use console::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use sluice_pipeline::Event;

use super::{counted, end, line};

/// How often a running stage's line is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// The lines of one run.
pub(crate) struct Bars {
    lines: MultiProgress,
    stages: Mutex<HashMap<Arc<str>, ProgressBar>>,
    colored: bool,
}

impl Bars {
    pub(super) fn new(colored: bool) -> Self {
        Self { lines: MultiProgress::new(), stages: Mutex::default(), colored }
    }

    pub(super) fn show(&self, event: &Event) {
        match event {
            Event::Waiting { .. } => self.say(event),
            Event::RunStarted { resumed, stages, .. } => {
                if *resumed {
                    self.say(event);
                }
                self.begin(stages);
            }
            Event::StageStarted { stage } => self.with(stage, |bar| {
                bar.set_style(style("{spinner} {prefix}  {wide_msg} {elapsed}"));
                bar.set_message("");
                bar.reset_elapsed();
                bar.enable_steady_tick(TICK);
            }),
            Event::StageProgress { stage, rows } => self.with(stage, |bar| bar.set_message(counted(*rows))),
            Event::StageRetried { stage, attempt, .. } => {
                self.say(event);
                self.with(stage, |bar| bar.set_message(format!("attempt {}", attempt + 1)));
            }
            Event::StageFinished { stage, .. } => self.end(stage, "✓", Style::new().green(), event),
            Event::StageFailed { stage, .. } => self.end(stage, "✗", Style::new().red(), event),
            Event::StageSkipped { stage, .. } => self.end(stage, "–", Style::new().dim(), event),
        }
    }

    pub(super) fn clear(&self) {
        // Lines that cannot be taken away stay; nothing depends on it.
        let _ = self.lines.clear();
    }

    fn begin(&self, stages: &[Arc<str>]) {
        let width = stages.iter().map(|stage| console::measure_text_width(stage)).max().unwrap_or_default();
        for stage in stages {
            let bar = ProgressBar::new_spinner()
                .with_style(style("  {prefix}  {wide_msg}"))
                .with_prefix(format!("{stage:width$}"));
            let bar = self.lines.add(bar);
            bar.tick();
            self.stages().insert(Arc::clone(stage), bar);
        }
    }

    fn end(&self, stage: &str, mark: &str, color: Style, event: &Event) {
        let mark = color.apply_to(mark).force_styling(self.colored).to_string();
        self.with(stage, |bar| {
            bar.set_style(style(&format!("{mark} {{prefix}}  {{wide_msg}}")));
            bar.finish_with_message(first_line(end(event).unwrap_or_default()));
        });
    }

    fn say(&self, event: &Event) {
        if let Some(line) = line(event) {
            let _ = self.lines.println(line);
        }
    }

    fn with(&self, stage: &str, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.stages().get(stage) {
            change(bar);
        }
    }

    fn stages(&self) -> MutexGuard<'_, HashMap<Arc<str>, ProgressBar>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Bars {
    /// Leaves the lines of a run that was interrupted as they are: drawn again, they would be off by the line on which
    /// the terminal shows the key that interrupted it.
    fn drop(&mut self) {
        self.lines.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// The style of `template`; indicatif's own where the template is wrong.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A stage has one line; the whole of an error follows below.
fn first_line(text: String) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
