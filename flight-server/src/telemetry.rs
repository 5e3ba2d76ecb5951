//! What the server tells about its own doings: lines for whoever runs it, spans for a collector.
//!
//! Lines go to stderr where `RUST_LOG` asks for them. Spans go by OTLP to a collector where one is named: `rpc` and, within
//! it, `identify`, `queue`, `parse`, `load`, `bind`, `label`, `authorize`, `enforce`, `execute` and `stream`.
//!
//! # Guarantees
//! A collector is not a party to the governance: only spans of Sluice's own crates leave, never events, and no span of
//! ours has a text of a statement or a value as an attribute. Spans of libraries, whose attributes are not ours to choose,
//! stay here.

use std::{io, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::TracerProvider,
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tonic::metadata::{KeyRef, MetadataMap};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterFn, LevelFilter, ParseError},
    fmt,
    layer::SubscriberExt,
    registry::{LookupSpan, Registry},
    util::{SubscriberInitExt, TryInitError},
};

/// Why telling could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// `RUST_LOG` cannot be understood.
    #[error("`RUST_LOG` cannot be read as a filter")]
    Filter(#[source] ParseError),
    /// The collector's address cannot be used.
    #[error("spans cannot be exported to `{endpoint}`")]
    Exporter {
        /// The address.
        endpoint: String,
        /// What is wrong.
        #[source]
        source: ExporterBuildError,
    },
    /// Something else in the process listens to spans already.
    #[error("telemetry is set up already")]
    Installed(#[source] TryInitError),
}

/// The telemetry of this process; [`Self::shutdown`] sends what is left.
#[derive(Debug)]
#[must_use = "spans that are not flushed are lost"]
pub(crate) struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// How long the last spans may take on their way: a collector that is gone must not keep a server from ending.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

impl Telemetry {
    /// Sets telemetry up for the whole process, once. `otlp` is a collector's gRPC address, `http://host:4317`.
    ///
    /// The exporter works on the tokio runtime that this is called in; a collector need not be there yet.
    ///
    /// # Errors
    /// [`TelemetryError`]; nothing is set up then.
    pub(crate) fn install(otlp: Option<&str>) -> Result<Self, TelemetryError> {
        let lines = match std::env::var(EnvFilter::DEFAULT_ENV) {
            Ok(directives) if !directives.is_empty() => {
                let filter = EnvFilter::try_new(directives).map_err(TelemetryError::Filter)?;
                Some(fmt::layer().with_writer(io::stderr).with_filter(filter))
            }
            Ok(_) | Err(_) => None,
        };
        let provider = otlp.map(exporting_to).transpose()?;
        let spans = provider.as_ref().map(spans_to);
        Registry::default().with(spans).with(lines).try_init().map_err(TelemetryError::Installed)?;
        Ok(Self { provider })
    }

    /// Sends the spans that have ended, for at most a few seconds. Later ones are lost.
    pub(crate) async fn shutdown(self) {
        self.flush_within(FLUSH_TIMEOUT).await;
    }

    async fn flush_within(self, timeout: Duration) {
        let Some(provider) = self.provider else { return };
        // It blocks until the runtime has sent the spans, so it must not block the runtime.
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(timeout)).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not exported"),
            Err(error) => tracing::warn!(%error, "the last spans were not exported"),
        }
    }
}

/// The caller's span, from the `traceparent` of a call; a context without a span where there is none or it is malformed.
///
/// It says where in a trace a call belongs, and whether the caller records that trace. Nothing is decided by it.
pub(crate) fn parent_from(metadata: &MetadataMap) -> Context {
    // Nothing of the thread's current context, which may belong to another call.
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(metadata))
}

struct Headers<'a>(&'a MetadataMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        let text_keys = self.0.keys().filter_map(|key| match key {
            KeyRef::Ascii(key) => Some(key.as_str()),
            KeyRef::Binary(_) => None,
        });
        text_keys.collect()
    }
}

fn exporting_to(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|source| TelemetryError::Exporter { endpoint: endpoint.to_owned(), source })?;
    let resource = Resource::builder()
        .with_service_name("sluice")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn spans_to<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let ours = FilterFn::new(is_exported as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("sluice"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_filter(ours)
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span() && (crate_name == "sluice" || crate_name.starts_with("sluice_"))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use opentelemetry::trace::TraceContextExt;
    use opentelemetry_proto::tonic::{
        collector::trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
        common::v1::any_value::Value,
        trace::v1::Span,
    };
    use tokio::{net::TcpListener, sync::mpsc};
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{Request, Response, Status, transport::Server};
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

    #[tonic::async_trait]
    impl TraceService for Collector {
        async fn export(
            &self,
            request: Request<ExportTraceServiceRequest>,
        ) -> Result<Response<ExportTraceServiceResponse>, Status> {
            self.0.send(request.into_inner()).map_err(|_| Status::unavailable("the test is over"))?;
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }

    async fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        let server = Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (address, received)
    }

    fn calling_with(traceparent: &'static str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("traceparent", traceparent.parse().unwrap());
        metadata
    }

    #[tokio::test]
    async fn a_collector_receives_our_spans_under_the_callers() {
        let (address, mut received) = collector().await;
        let telemetry = Telemetry { provider: Some(exporting_to(&format!("http://{address}")).unwrap()) };
        let subscriber = Registry::default().with(telemetry.provider.as_ref().map(spans_to));
        tracing::subscriber::with_default(subscriber, || {
            let rpc = tracing::info_span!(target: "sluice_flight_server", "rpc", method = "DoGet");
            rpc.set_parent(parent_from(&calling_with(TRACEPARENT))).unwrap();
            rpc.in_scope(|| {
                tracing::info_span!(target: "sluice_flight_server::query", "parse").in_scope(|| {
                    tracing::error!(target: "sluice_flight_server", sql = "SELECT 1", "an event");
                });
                tracing::info_span!(target: "sluicegate", "theirs", sql = "SELECT 1").in_scope(|| {});
                tracing::debug_span!(target: "sluice_flight_server", "detail").in_scope(|| {});
            });
        });
        telemetry.shutdown().await;

        let mut resource_spans = received.recv().await.unwrap().resource_spans;
        let resource = resource_spans[0].resource.take().unwrap();
        let service = resource.attributes.into_iter().find(|attribute| attribute.key == "service.name").unwrap();
        assert_eq!(service.value.unwrap().value, Some(Value::StringValue("sluice".to_owned())));

        let mut spans: Vec<Span> =
            resource_spans.into_iter().flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).collect();
        spans.sort_by(|left, right| left.name.cmp(&right.name));
        let [parse, rpc] = spans.as_slice() else { panic!("two spans leave, not {spans:#?}") };
        assert_eq!((parse.name.as_str(), rpc.name.as_str()), ("parse", "rpc"));
        assert_eq!(hex(&rpc.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex(&rpc.parent_span_id), "00f067aa0ba902b7");
        assert_eq!(parse.trace_id, rpc.trace_id);
        assert_eq!(parse.parent_span_id, rpc.span_id);
        assert!(parse.events.is_empty(), "events may quote what a span may not");
        let mut attributes: Vec<_> = rpc.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["busy_ns", "idle_ns", "method"]);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_call_without_a_usable_parent_begins_a_trace() {
        assert!(!parent_from(&MetadataMap::new()).span().span_context().is_valid());
        for malformed in
            ["", "00-4bf9", "00-xyz-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-0000000000000000-01"]
        {
            assert!(!parent_from(&calling_with(malformed)).span().span_context().is_valid(), "{malformed}");
        }
    }

    #[tokio::test]
    async fn a_collector_that_is_not_there_does_not_keep_the_server_from_ending() {
        // A port that is held and never answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let telemetry = Telemetry { provider: Some(exporting_to(&endpoint).unwrap()) };
        let subscriber = Registry::default().with(telemetry.provider.as_ref().map(spans_to));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!(target: "sluice_flight_server", "rpc").in_scope(|| {});
        });
        let flushed = telemetry.flush_within(Duration::from_millis(10));
        assert!(tokio::time::timeout(FLUSH_TIMEOUT, flushed).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_used_is_refused() {
        let error = exporting_to("not an address").unwrap_err();
        assert_eq!(error.to_string(), "spans cannot be exported to `not an address`");
    }
}
