//! What a collector of traces is told: how long each stage of a call took, and nothing of what was asked.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use super::{
    client::{statement, ticket_of},
    in_time,
    server::{SECRET, Served},
};

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

/// The names of the stages within `parent`, each once, and of those within these.
fn within<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a str> {
    let children = spans.iter().filter(|span| span.parent_span_id == parent.span_id);
    let mut names: Vec<_> =
        children.flat_map(|child| [vec![child.name.as_str()], within(spans, child)].concat()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_of_a_call_has_a_span_and_no_span_tells_what_was_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut received) = mpsc::unbounded_channel();
    let collector = Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    tokio::spawn(collector.serve_with_incoming(TcpIncoming::from(listener)));

    let mut served = Served::start_traced(address);
    let ana = served.client("ana").await;
    for what in ["word", "upper(word)"] {
        let text = format!("SELECT {what} FROM hidden.secret WHERE word = '{SECRET}'");
        let info = ana.info(&statement(&text)).await.unwrap();
        ana.fetch(ticket_of(&info)).await.unwrap();
    }
    served.terminate();
    let status = in_time("the end of the server", served.ended()).await;
    assert!(status.success(), "{status}");

    let mut spans: Vec<Span> = Vec::new();
    while let Ok(request) = received.try_recv() {
        for word in [SECRET, "hidden", "SELECT"] {
            assert!(!String::from_utf8_lossy(&request.encode_to_vec()).contains(word), "`{word}` is in a span");
        }
        spans.extend(
            request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans),
        );
    }
    let method = |span: &Span| span.attributes.iter().find(|attribute| attribute.key == "method").cloned();
    let calls = |name: &str| -> Vec<Vec<&str>> {
        let of_it = |span: &&Span| method(span).is_some_and(|method| format!("{method:?}").contains(name));
        let calls: Vec<_> = spans.iter().filter(of_it).map(|call| within(&spans, call)).collect();
        // Those before are the client's own, by which it has got here.
        calls[calls.len() - 2..].to_vec()
    };
    let planned = vec!["authorize", "bind", "enforce", "identify", "label", "load", "parse", "queue"];
    assert_eq!(calls("GetFlightInfo"), [planned.clone(), planned]);
    // What only looks rows up is not planned again.
    let looked_up = vec!["execute", "identify", "load", "queue", "stream"];
    let run = vec!["authorize", "bind", "enforce", "execute", "identify", "label", "load", "queue", "stream"];
    assert_eq!(calls("DoGet"), [looked_up, run]);
}
