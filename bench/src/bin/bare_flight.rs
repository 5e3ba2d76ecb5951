//! A Flight SQL server that answers point queries and nothing else: what tonic and arrow-flight cost by themselves.
//!
//! Whatever is prepared, the answer is the row whose number is bound, of two `BIGINT` columns. There is no statement, no
//! catalog, no principal and no record of what was asked. The allocator is that of `sluice`.

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use arrow::{
    array::{AsArray, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Int64Type, Schema, SchemaRef},
};
use arrow_flight::{
    Action, FlightDescriptor, FlightEndpoint, FlightInfo, Ticket,
    decode::FlightRecordBatchStream,
    encode::FlightDataEncoderBuilder,
    flight_service_server::{FlightService, FlightServiceServer},
    sql::{
        ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, CommandPreparedStatementQuery,
        DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
        server::{FlightSqlService, PeekableFlightDataStream},
    },
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How many rows there are.
const ROWS: i64 = 1000;

struct Points {
    schema: SchemaRef,
    rows: RecordBatch,
    prepared: Mutex<Prepared>,
}

#[derive(Default)]
struct Prepared {
    count: u64,
    /// The number that is bound, by handle.
    bound: HashMap<Bytes, i64>,
}

impl Points {
    fn new() -> Result<Self> {
        let columns = ["id", "value"].map(|name| Field::new(name, DataType::Int64, true));
        let schema = Arc::new(Schema::new(columns.to_vec()));
        let ids = Int64Array::from_iter_values(0..ROWS);
        let values = Int64Array::from_iter_values((0..ROWS).map(|id| id * 2));
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids), Arc::new(values)])?;
        Ok(Self { schema, rows, prepared: Mutex::default() })
    }
}

#[tonic::async_trait]
impl FlightSqlService for Points {
    type FlightService = Self;

    async fn do_action_create_prepared_statement(
        &self,
        _query: ActionCreatePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let mut prepared = self.prepared.lock();
        prepared.count += 1;
        let mut handle = [0; 32];
        handle[..8].copy_from_slice(&prepared.count.to_le_bytes());
        let prepared_statement_handle = Bytes::copy_from_slice(&handle);
        Ok(ActionCreatePreparedStatementResult { prepared_statement_handle, ..Default::default() })
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let mut rows = FlightRecordBatchStream::new_from_flight_data(request.into_inner().map_err(Into::into));
        let row = rows.try_next().await?.ok_or_else(|| Status::invalid_argument("nothing is bound"))?;
        let numbers = row.columns().first().and_then(|column| column.as_primitive_opt::<Int64Type>());
        let number = numbers.and_then(|numbers| numbers.iter().next().flatten());
        let number = number.ok_or_else(|| Status::invalid_argument("a number is bound"))?;
        let handle = query.prepared_statement_handle;
        self.prepared.lock().bound.insert(handle.clone(), number);
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let bound = self.prepared.lock().bound.get(&query.prepared_statement_handle).copied();
        let number = bound.ok_or_else(|| Status::invalid_argument("nothing is bound"))?;
        let ticket = TicketStatementQuery { statement_handle: Bytes::copy_from_slice(&number.to_le_bytes()) };
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket.as_any().encode_to_vec()));
        let info = FlightInfo::new().try_with_schema(&self.schema).map_err(|error| Status::internal(error.to_string()));
        Ok(Response::new(info?.with_descriptor(request.into_inner()).with_endpoint(endpoint)))
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        _request: Request<Ticket>,
    ) -> Result<Response<<Self as FlightService>::DoGetStream>, Status> {
        let number = <[u8; 8]>::try_from(&*ticket.statement_handle).map(u64::from_le_bytes).ok();
        let number = number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number < ROWS as usize);
        let number = number.ok_or_else(|| Status::invalid_argument("there is no such row"))?;
        let rows = FlightDataEncoderBuilder::new()
            .with_schema(Arc::clone(&self.schema))
            .build(stream::iter([Ok(self.rows.slice(number, 1))]));
        Ok(Response::new(rows.map_err(Status::from).boxed()))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on grpc://{}", listener.local_addr()?);
    // Small answers do not wait for others.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().add_service(FlightServiceServer::new(Points::new()?)).serve_with_incoming(incoming).await?;
    Ok(())
}
