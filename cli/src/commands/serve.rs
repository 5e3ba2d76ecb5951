//! `sluice serve`.

use sluice_engine::Engine;
use sluice_flight_server::{Listen, Server, Tls};

use crate::{
    args::{Common, ServeArgs},
    failure::{CliError, Failure},
    home,
};

/// Serves until it is told to end.
pub(super) async fn serve(common: &Common, args: ServeArgs) -> Result<(), Failure> {
    home::with_engine(common, async |engine| listen(engine.clone(), args).await).await
}

/// Listens, and says so in the one line on standard error that scripts wait for.
async fn listen(engine: Engine, args: ServeArgs) -> Result<(), Failure> {
    let tls = args.tls_cert.zip(args.tls_key).map(|(certificate, key)| Tls {
        certificate,
        key,
        client_authority: args.client_ca,
    });
    let listen = Listen {
        address: args.listen,
        tls,
        oidc_issuer: args.oidc_issuer,
        jwks: args.jwks.map(keys),
        metrics: args.metrics,
        otlp: args.otlp,
    };
    let shutdown = signals()?;
    let server = Server::bind(engine, listen).await.map_err(CliError::from)?;
    if let Some(metrics) = server.metrics_uri() {
        eprintln!("metrics on {metrics}");
    }
    // Calls that arrive from here on wait until they are answered, since the port is taken already.
    eprintln!("listening on {}", server.uri());
    server.run(shutdown).await;
    Ok(())
}

/// A file is relative to the working directory, as everything on the command line.
fn keys(place: String) -> String {
    if place.contains("://") {
        return place;
    }
    std::path::absolute(&place).map_or(place, |path| path.display().to_string())
}

/// Ends with the first signal that asks to. It is heard from here on, not only once the server runs.
#[cfg(unix)]
fn signals() -> Result<impl Future<Output = ()> + Send, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|source| CliError::System { what: "listening for signals", source });
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> Result<impl Future<Output = ()> + Send, CliError> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
