//! When a pipeline runs by itself. A schedule is read and kept; nothing here fires it.

use chrono::{TimeZone, Utc};
use croner::{
    Cron, YEAR_UPPER_LIMIT,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use sluice_planner::parse::Schedule;

use crate::PipelineError;

/// The fields of a cron expression, for errors.
const FIELDS: &str = "minute, hour, day of month, month, day of week";

/// Proves that `schedule` is five cron fields that name some time, in a time zone of the IANA database.
pub(crate) fn check(schedule: &Schedule) -> Result<(), PipelineError> {
    if schedule.time_zone.parse::<chrono_tz::Tz>().is_err() {
        return Err(PipelineError::TimeZone { time_zone: schedule.time_zone.clone(), span: schedule.span });
    }
    let wrong = |reason: String| PipelineError::Cron { cron: schedule.cron.clone(), reason, span: schedule.span };
    let fields = schedule.cron.split_whitespace().count();
    if fields != 5 {
        return Err(wrong(format!("expected five fields ({FIELDS}), found {fields}")));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(&schedule.cron).map_err(|error| wrong(reason(&error)))?;
    if fires(&cron) { Ok(()) } else { Err(wrong("no day in any year matches it".to_owned())) }
}

/// Whether the pattern matches at any time. The calendar repeats after 400 years, so it is enough to look at the
/// last 400 that croner searches.
fn fires(cron: &Cron) -> bool {
    Utc.with_ymd_and_hms(YEAR_UPPER_LIMIT - 401, 1, 1, 0, 0, 0)
        .earliest()
        .is_some_and(|start| cron.find_next_occurrence(&start, true).is_ok())
}

/// What croner says, without its own words for itself.
fn reason(error: &CronError) -> String {
    let text = match error {
        CronError::EmptyPattern => format!("expected five fields ({FIELDS})"),
        CronError::InvalidPattern(text) | CronError::IllegalCharacters(text) | CronError::ComponentError(text) => {
            text.clone()
        }
        CronError::InvalidDate | CronError::InvalidTime | CronError::TimeSearchLimitExceeded => error.to_string(),
    };
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use sluice_planner::parse::SourceSpan;

    use super::*;

    fn outcome(cron: &str, time_zone: &str) -> Result<(), String> {
        let span = SourceSpan { start: 3, end: 7 };
        let schedule = Schedule { cron: cron.to_owned(), time_zone: time_zone.to_owned(), span };
        check(&schedule).map_err(|error| {
            assert_eq!(error.place(), Some(span));
            error.to_string()
        })
    }

    #[test]
    fn five_fields_in_a_known_zone_are_a_schedule() {
        for cron in ["0 6 * * *", "*/15 8-18 * * MON-FRI", "0 0 29 2 *", "30 5 1,15 JAN *"] {
            assert_eq!(outcome(cron, "Europe/Berlin"), Ok(()), "{cron}");
        }
        assert_eq!(outcome("0 6 * * *", "UTC"), Ok(()));
    }

    #[test]
    fn seconds_and_nicknames_are_refused() {
        assert!(outcome("0 0 6 * * *", "UTC").unwrap_err().contains("expected five fields"));
        assert!(outcome("@daily", "UTC").unwrap_err().contains("found 1"));
        assert!(outcome("", "UTC").unwrap_err().contains("found 0"));
    }

    #[test]
    fn a_field_out_of_range_is_refused() {
        assert!(outcome("61 6 * * *", "UTC").is_err());
        assert!(outcome("0 6 * * someday", "UTC").is_err());
    }

    #[test]
    fn a_day_that_never_comes_is_refused() {
        assert!(outcome("0 0 31 2 *", "UTC").unwrap_err().contains("no day in any year"));
    }

    #[test]
    fn an_unknown_time_zone_is_refused() {
        let error = outcome("0 6 * * *", "Europe/Berln").unwrap_err();
        assert_eq!(error, "`Europe/Berln` is not a time zone");
    }
}
