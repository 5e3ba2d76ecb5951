//! Handles that were made up, changed, taken from others, or forgotten: all the same.

use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, FlightData, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest, Ticket,
    sql::{ActionClosePreparedStatementRequest, CommandPreparedStatementUpdate, ProstMessageExt, TicketStatementQuery},
};
use futures::stream;
use prost::{Message, bytes::Bytes};
use tonic::{Code, Status};

use super::{
    client::{Client, descriptor, prepared_query, statement, ticket_of},
    raw::Noise,
    reveals_nothing,
    server::{SECRET, Served},
    told,
    watch::Watch,
};

fn ticket(handle: &Bytes) -> Ticket {
    Ticket { ticket: TicketStatementQuery { statement_handle: handle.clone() }.as_any().encode_to_vec().into() }
}

fn handle_in(info: &FlightInfo) -> Bytes {
    let any = arrow_flight::sql::Any::decode(ticket_of(info).ticket).unwrap();
    any.unpack::<TicketStatementQuery>().unwrap().unwrap().statement_handle
}

/// Handles that `client` has no right to: random ones, and `real` with one bit changed, cut and extended.
fn forged(real: &Bytes) -> Vec<Bytes> {
    let mut noise = Noise::new(3);
    let mut all: Vec<Bytes> = [0, 1, 16, 32, 64, 4096].map(|length| noise.bytes(length).into()).to_vec();
    for bit in 0..real.len() * 8 {
        let mut changed = real.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        all.push(changed.into());
    }
    all.extend((0..real.len()).map(|length| real.slice(..length)));
    all.push([&real[..], b"x"].concat().into());
    all
}

/// Everything that can be tried with a statement's handle.
async fn tried(client: &Client, handle: &Bytes) -> Vec<Status> {
    let command = TicketStatementQuery { statement_handle: handle.clone() };
    let endpoint = FlightEndpoint { ticket: Some(ticket(handle)), ..FlightEndpoint::default() };
    let renew = RenewFlightEndpointRequest { endpoint: Some(endpoint) }.encode_to_vec();
    vec![
        client.fetch(ticket(handle)).await.unwrap_err(),
        client.info(&command).await.unwrap_err(),
        client.schema(&command).await.unwrap_err(),
        client.poll(&command).await.unwrap_err(),
        client.action("RenewFlightEndpoint", renew).await.unwrap_err(),
    ]
}

/// Everything that can be tried with a prepared statement's handle.
async fn tried_prepared(client: &Client, handle: &Bytes) -> Vec<Status> {
    let query = prepared_query(handle);
    let update = CommandPreparedStatementUpdate { prepared_statement_handle: handle.clone() };
    let put = async |descriptor| {
        let message = FlightData { flight_descriptor: Some(descriptor), ..FlightData::default() };
        client.put(stream::iter([message])).await.unwrap_err()
    };
    let direct = Ticket { ticket: query.as_any().encode_to_vec().into() };
    vec![
        client.info(&query).await.unwrap_err(),
        client.schema(&query).await.unwrap_err(),
        client.poll(&query).await.unwrap_err(),
        client.fetch(direct).await.unwrap_err(),
        put(descriptor(&query)).await,
        put(descriptor(&update)).await,
    ]
}

fn all_told(statuses: &[Status]) -> Vec<(Code, String, Vec<u8>)> {
    for status in statuses {
        assert_eq!(status.code(), Code::NotFound, "{status:?}");
        reveals_nothing(status, &[SECRET, "hidden", "secret", "ana"]);
    }
    statuses.iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_nothing_to_anybody_else() {
    let mut served = Served::start("");
    let (ana, eve) = (served.client("ana").await, served.client("eve").await);
    let watch = Watch::over(&served).await;
    let secret = statement("SELECT word FROM hidden.secret");
    let info = ana.info(&secret).await.unwrap();
    let real = handle_in(&info);
    let unknown = all_told(&tried(&eve, &Bytes::from_static(&[1; 32])).await);
    assert!(unknown.iter().all(|status| *status == unknown[0]), "{unknown:#?}");

    let all = forged(&real);
    for handle in &all {
        let status = eve.fetch(ticket(handle)).await.unwrap_err();
        assert_eq!(told(&status), unknown[0]);
        let status = ana.fetch(ticket(handle)).await.unwrap_err();
        assert_eq!(told(&status), unknown[0], "not even to its owner");
    }
    let other = ana.clone().with("x-sluice-session", "other");
    let again = served.client("ana").await;
    for (who, client) in [("eve", &eve), ("another session", &other), ("another token", &again)] {
        assert_eq!(all_told(&tried(client, &real).await), unknown, "{who}");
    }
    // Nor can it be ended by others, who cannot even tell whether there is something to end.
    let cancel = CancelFlightInfoRequest { info: Some(info.clone()) }.encode_to_vec();
    let result = eve.action("CancelFlightInfo", cancel).await.unwrap();
    let never = FlightInfo::new().with_endpoint(FlightEndpoint::new().with_ticket(ticket(&Bytes::from_static(b"no"))));
    let missing = CancelFlightInfoRequest { info: Some(never) }.encode_to_vec();
    assert_eq!(result, eve.action("CancelFlightInfo", missing).await.unwrap());
    let status = CancelFlightInfoResult::decode(result[0].clone()).unwrap().status;
    assert_eq!(status, arrow_flight::CancelStatus::NotCancellable as i32);
    assert_eq!(super::client::first_column(&ana.fetch(ticket(&real)).await.unwrap().1), [SECRET]);
    watch.finish(&mut served, &format!("{} forged and 3 foreign tickets, all unknown", all.len())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_or_pushed_out_is_unknown() {
    let mut served = Served::start("");
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let numbers = statement("SELECT n FROM open.numbers WHERE n < 3");
    let unknown = told(&ana.fetch(ticket(&Bytes::from_static(&[1; 32]))).await.unwrap_err());
    let first = ana.info(&numbers).await.unwrap();
    for _ in 0..520 {
        ana.info(&numbers).await.unwrap();
    }
    assert_eq!(told(&ana.fetch(ticket_of(&first)).await.unwrap_err()), unknown, "pushed out by 520 later ones");
    let held = served.metric("sluice_handles").await;
    // 512 for each of the two sessions that ask, this one and the innocent one's.
    assert!(held <= 1024, "{held} handles are held");

    let (handle, info) = (ana.prepare("SELECT 1").await.unwrap(), ana.info(&numbers).await.unwrap());
    ana.action("CloseSession", Vec::new()).await.unwrap();
    assert_eq!(told(&ana.fetch(ticket_of(&info)).await.unwrap_err()), unknown, "its session was closed");
    assert_eq!(told(&ana.info(&prepared_query(&handle)).await.unwrap_err()), unknown, "its session was closed");
    watch.finish(&mut served, &format!("521 tickets, {held} kept")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_is_its_owners() {
    let mut served = Served::start("");
    let (ana, eve) = (served.client("ana").await, served.client("eve").await);
    let watch = Watch::over(&served).await;
    let real = ana.prepare("SELECT word FROM hidden.secret").await.unwrap();
    let unknown = all_told(&tried_prepared(&eve, &Bytes::from_static(&[1; 32])).await);
    assert!(unknown.iter().all(|status| *status == unknown[0]), "{unknown:#?}");
    let other = ana.clone().with("x-sluice-session", "other");
    for (who, client) in [("eve", &eve), ("another session", &other)] {
        assert_eq!(all_told(&tried_prepared(client, &real).await), unknown, "{who}");
    }
    let all = forged(&real);
    for handle in &all {
        assert_eq!(told(&eve.info(&prepared_query(handle)).await.unwrap_err()), unknown[0]);
    }
    // A foreign close changes nothing, and says nothing.
    let close = ActionClosePreparedStatementRequest { prepared_statement_handle: real.clone() };
    let missing = ActionClosePreparedStatementRequest { prepared_statement_handle: Bytes::from_static(b"no") };
    let answers = [close.as_any(), missing.as_any()].map(|any| any.encode_to_vec());
    let foreign = eve.action("ClosePreparedStatement", answers[0].clone()).await.unwrap();
    assert_eq!(foreign, eve.action("ClosePreparedStatement", answers[1].clone()).await.unwrap());
    let rows = ana.ask(&prepared_query(&real)).await.unwrap().1;
    assert_eq!(super::client::first_column(&rows), [SECRET]);
    watch.finish(&mut served, &format!("{} forged and 2 foreign prepared statements", all.len())).await;
}

/// A statement that is reckoned at some 12 MB while it is held.
fn long(n: usize) -> String {
    format!("SELECT n FROM open.numbers WHERE n IN ({n}{})", ", 1000000".repeat(15_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_holds_so_much_by_its_handles_and_no_more() {
    let mut served = Served::start("");
    let (ana, eve) = (served.client("ana").await, served.client("eve").await);
    let watch = Watch::over(&served).await;
    let foreign = eve.info(&statement(&long(1))).await.unwrap();
    let other = ana.clone().with("x-sluice-session", "other");
    let oldest = other.info(&statement(&long(1))).await.unwrap();
    let mut latest = Vec::new();
    for n in 0..20 {
        latest.push(ana.info(&statement(&long(n))).await.unwrap());
    }
    let unknown = told(&ana.fetch(ticket(&Bytes::from_static(&[1; 32]))).await.unwrap_err());
    assert_eq!(told(&other.fetch(ticket_of(&oldest)).await.unwrap_err()), unknown, "pushed out from another session");
    assert_eq!(told(&ana.fetch(ticket_of(&latest[0])).await.unwrap_err()), unknown);
    assert_eq!(super::client::first_column(&ana.fetch(ticket_of(&latest[19])).await.unwrap().1), ["19"]);
    assert_eq!(super::client::first_column(&eve.fetch(ticket_of(&foreign)).await.unwrap().1), ["1"]);

    // What was prepared is not pushed out by anything: it is the next that is refused.
    let mut prepared = Vec::new();
    let refused = loop {
        match ana.prepare(&long(prepared.len())).await {
            Ok(handle) => prepared.push(handle),
            Err(status) => break status,
        }
    };
    assert_eq!((prepared.len(), refused.code()), (11, Code::ResourceExhausted), "{refused:?}");
    assert!(String::from_utf8_lossy(refused.details()).contains("HANDLES"), "{refused:?}");
    assert_eq!(told(&ana.fetch(ticket_of(&latest[19])).await.unwrap_err()), unknown, "it made room");
    for (n, handle) in prepared.iter().enumerate() {
        assert_eq!(super::client::first_column(&ana.ask(&prepared_query(handle)).await.unwrap().1), [n.to_string()]);
    }
    let close = ActionClosePreparedStatementRequest { prepared_statement_handle: prepared.remove(0) };
    ana.action("ClosePreparedStatement", close.as_any().encode_to_vec()).await.unwrap();
    ana.prepare(&long(0)).await.unwrap();
    for client in [&ana, &other, &eve] {
        client.action("CloseSession", Vec::new()).await.unwrap();
    }
    watch.finish(&mut served, "21 long statements announced and 12 prepared, 11 held").await;
}
