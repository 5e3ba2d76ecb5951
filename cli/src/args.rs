//! What the command line can say.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use sluice_model::Domain;

/// Governed SQL: every column carries tags, and whoever asks gets what their grants on those tags allow.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 denied.
Results go to standard output and nothing else does; progress, notes and errors go to standard error.";

/// Options that every command takes, before or after its name.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The home to work in
    #[arg(long, global = true, value_name = "DIR", env = "SLUICE_HOME", default_value = ".sluice")]
    pub(crate) home: PathBuf,
    /// The user or service to act as [default: the creator of the home]
    #[arg(long = "as", global = true, value_name = "PRINCIPAL")]
    pub(crate) principal: Option<String>,
    /// The domain to work in: experiment or production [default: experiment; for a pipeline, its own]
    #[arg(long, global = true, value_name = "DOMAIN", hide_possible_values = true)]
    pub(crate) domain: Option<Domain>,
    /// What the data is for; policies may ask
    #[arg(long, global = true, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) purpose: String,
    /// How results are written
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, to be read
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One array of objects per result; errors are JSON too
    Json,
    /// One object a line
    Ndjson,
    /// An Arrow IPC stream per result
    Arrow,
}

/// When to do something that suits terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a home: settings, catalog and warehouse in one folder
    Init {
        /// The folder [default: what --home says]
        dir: Option<PathBuf>,
    },
    /// Run statements; a shell without -c and -f on a terminal, else from standard input
    Sql(SqlArgs),
    /// Show every decision that running a pipeline would take, and run nothing
    Check(PipelineArgs),
    /// Run a pipeline
    Run(PipelineArgs),
    /// Approve a pipeline file as it is now for the domain production
    Approve {
        /// The pipeline file
        file: PathBuf,
    },
    /// List the latest runs of pipelines
    Runs {
        /// How many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
        #[command(subcommand)]
        command: Option<RunsCommand>,
    },
    /// Serve SQL clients, BI tools and notebooks over Arrow Flight SQL
    Serve(ServeArgs),
    /// Show the whole story on bundled real data, in a temporary home
    Demo(DemoArgs),
}

/// Where `sql` takes its statements from.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// Run these statements
    #[arg(short = 'c', long = "command", value_name = "TEXT", conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// Run the statements of this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// A pipeline and what it is run with.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    /// The pipeline file
    pub(crate) file: PathBuf,
    /// Give a parameter a value; may be repeated, and the last one of a name counts
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
}

/// What `runs` can also do.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Show the stages of one run
    Show {
        /// The run's id
        id: String,
    },
}

/// Where `serve` listens, and whom it lets in.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Take calls here; port 0 takes a free one. Beyond loopback a certificate is needed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:31337")]
    pub(crate) listen: SocketAddr,
    /// The server's certificate with its chain, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The authority whose certificates of clients are taken, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) client_ca: Option<PathBuf>,
    /// The issuer whose JWTs are taken
    #[arg(long, value_name = "URL")]
    pub(crate) oidc_issuer: Option<String>,
    /// The keys of the issuer, as a JSON Web Key Set
    #[arg(long, value_name = "FILE_OR_URL")]
    pub(crate) jwks: Option<String>,
    /// Answer /metrics and /healthz here, over HTTP
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Send traces to this OTLP collector, over gRPC
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
}

/// Where `demo` works.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The bundled data
    #[arg(long, value_name = "DIR", default_value = "datasets")]
    pub(crate) datasets: PathBuf,
    /// Make the home here, and leave it there
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

impl Common {
    /// The folder that `init` makes a home in.
    pub(crate) fn new_home<'a>(&'a self, dir: Option<&'a Path>) -> &'a Path {
        dir.unwrap_or(&self.home)
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` does not give a parameter a value: write NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn common_options_stand_before_or_after_the_subcommand() {
        for line in ["sluice --as ana --format csv sql -c x", "sluice sql -c x --format csv --as ana"] {
            let cli = Cli::parse_from(line.split(' '));
            assert_eq!((cli.common.principal.as_deref(), cli.common.format), (Some("ana"), Format::Csv), "{line}");
        }
    }

    #[test]
    fn wrong_usage_exits_with_two() {
        for line in ["sluice", "sluice sql -c x -f y", "sluice run f -p broken", "sluice --domain nowhere runs"] {
            let Err(error) = Cli::try_parse_from(line.split(' ')) else { panic!("`{line}` was taken") };
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_parameter_keeps_what_follows_its_first_equals_sign() {
        assert_eq!(parameter("day= a=b"), Ok(("day".to_owned(), " a=b".to_owned())));
    }
}
