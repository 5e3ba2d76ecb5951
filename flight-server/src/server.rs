//! The server: listening, answering, and ending without cutting anybody off.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sluice_engine::Engine;
use tokio::{net::TcpListener, time::Instant};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;

use crate::{
    Listen, ServerError, certificates, connections,
    do_get::Flight,
    executor::Executor,
    handles::{self, Handles, Ledger},
    http2,
    identity::Identities,
    limits::{Limiter, Sweeper},
    metrics::{self, Metrics},
    options::ServerOptions,
    service::{Core, Service},
    sessions::Sessions,
    telemetry::Telemetry,
};

/// How long statements may run on after the server was asked to end.
const DRAIN: Duration = Duration::from_secs(30);

/// A server that listens and does not answer yet.
pub struct Server {
    core: Arc<Core>,
    listener: TcpListener,
    address: SocketAddr,
    metrics_listener: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    telemetry: Telemetry,
}

impl Server {
    /// Takes the address, reads certificates and settings. Calls are taken once it [`Self::run`]s.
    ///
    /// # Errors
    /// [`ServerError`], whatever keeps it from listening as `listen` says.
    pub async fn bind(engine: Engine, listen: Listen) -> Result<Self, ServerError> {
        if listen.tls.is_none() && !listen.address.ip().is_loopback() {
            return Err(ServerError::NoCertificate(listen.address));
        }
        sluice_engine::silence();
        let options = ServerOptions::of(&engine, &listen)?;
        let tls = listen.tls.as_ref().map(certificates::tls).transpose()?;
        let telemetry =
            Telemetry::install(listen.otlp.as_deref()).map_err(|error| ServerError::Telemetry(Box::new(error)))?;
        let metrics = Metrics::new().map_err(|error| ServerError::Settings(error.to_string()))?;
        let (listener, address) = listen_on(listen.address).await?;
        let metrics_listener = match listen.metrics {
            Some(address) => Some(listen_on(address).await?.0),
            None => None,
        };
        let core = Core {
            identities: Identities::new(engine.clone(), options.identity)?,
            sessions: Sessions::new(engine.clone(), &options.limits, metrics.clone()),
            statements: Handles::new(handles::LIFETIME, metrics.clone()),
            prepared: Handles::new(handles::LIFETIME, metrics.clone()),
            ledger: Ledger::default(),
            executor: Executor::start(options.limits.max_statements.get()).map_err(ServerError::Threads)?,
            limiter: Limiter::new(&options.limits, metrics.clone()),
            sweeper: Sweeper::start(&options.limits),
            metrics,
            limits: options.limits,
            engine,
        };
        Ok(Self { core: Arc::new(core), listener, address, metrics_listener, tls, telemetry })
    }

    /// What clients connect to: `grpc://127.0.0.1:31337`, or `grpc+tls://…`.
    pub fn uri(&self) -> String {
        let scheme = if self.tls.is_some() { "grpc+tls" } else { "grpc" };
        format!("{scheme}://{}", self.address)
    }

    /// Where metrics are answered, if they are.
    pub fn metrics_uri(&self) -> Option<String> {
        let address = self.metrics_listener.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}/metrics"))
    }

    /// Answers calls until `shutdown` ends; then takes no new statements and lets those that run come to their end, for
    /// at most 30 seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { core, listener, address: _, metrics_listener, tls, telemetry } = self;
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_serving::<Flight>().await;
        let flight = Flight::new(Service::new(Arc::clone(&core)), core.limits.max_message_bytes());
        let routes = Routes::new(health).add_service(flight).prepare();

        let (draining, ended) = (CancellationToken::new(), CancellationToken::new());
        let metrics = metrics_listener.map(|listener| {
            let (metrics, ended) = (core.metrics.clone(), ended.clone());
            // A metrics listener that breaks takes nothing else with it.
            tokio::spawn(async move { metrics::serve(listener, metrics, ended.cancelled_owned()).await })
        });
        let serving = http2::serve(connections::incoming(listener), tls, routes, draining.clone());
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = shutdown => {
                reporter.set_service_status("", ServingStatus::NotServing).await;
                reporter.set_not_serving::<Flight>().await;
                let deadline = Instant::now() + DRAIN;
                core.limiter.drain();
                // Nobody is let in any more; who is in is told to come to an end, and does not have to.
                draining.cancel();
                let _ = tokio::time::timeout_at(deadline, &mut serving).await;
                // Statements in the background have no call that waits for them.
                core.limiter.drained(deadline).await;
            }
        }
        ended.cancel();
        if let Some(metrics) = metrics {
            let _ = metrics.await;
        }
        telemetry.shutdown().await;
    }
}

async fn listen_on(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
