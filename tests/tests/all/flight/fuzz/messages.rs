//! Every message of Flight SQL, with any values in it.

use std::collections::HashMap;

use arrow_flight::{
    CancelFlightInfoRequest, FlightDescriptor, FlightEndpoint, FlightInfo, Location, RenewFlightEndpointRequest,
    Ticket,
    sql::{self, ProstMessageExt},
};
use proptest::{collection::vec, option, prelude::*};
use prost::{Message, bytes::Bytes};
use sluice_flight_server::wire::proto::{OptionValue, SessionOptionValue, SetSessionOptionsRequest, StringListValue};

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", "[a-z%_.\"]{0,12}", Just("SELECT 1".to_owned()), Just(String::new())]
}

fn transaction() -> impl Strategy<Value = Option<Bytes>> {
    option::weighted(0.1, bytes())
}

fn encoded<M: ProstMessageExt>(message: M) -> Vec<u8> {
    message.as_any().encode_to_vec()
}

fn plan() -> impl Strategy<Value = Option<sql::SubstraitPlan>> {
    option::of((bytes(), text()).prop_map(|(plan, version)| sql::SubstraitPlan { plan, version }))
}

fn ingest() -> impl Strategy<Value = Vec<u8>> {
    let options = option::of((-1..5_i32, -1..5_i32))
        .prop_map(|both| both.map(|(if_not_exist, if_exists)| sql::TableDefinitionOptions { if_not_exist, if_exists }));
    let names = (text(), option::of(text()), option::of(text()));
    let more = proptest::collection::hash_map(text(), text(), 0..4);
    (options, names, any::<bool>(), transaction(), more).prop_map(
        |(table_definition_options, (table, schema, catalog), temporary, transaction_id, options)| {
            encoded(sql::CommandStatementIngest {
                table_definition_options,
                table,
                schema,
                catalog,
                temporary,
                transaction_id,
                options,
            })
        },
    )
}

fn tables() -> impl Strategy<Value = Vec<u8>> {
    (option::of(text()), option::of(text()), option::of(text()), vec(text(), 0..4), any::<bool>()).prop_map(
        |(catalog, db_schema_filter_pattern, table_name_filter_pattern, table_types, include_schema)| {
            encoded(sql::CommandGetTables {
                catalog,
                db_schema_filter_pattern,
                table_name_filter_pattern,
                table_types,
                include_schema,
            })
        },
    )
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    (0..4, option::of(text()), option::of(text()), text()).prop_map(|(kind, catalog, db_schema, table)| match kind {
        0 => encoded(sql::CommandGetPrimaryKeys { catalog, db_schema, table }),
        1 => encoded(sql::CommandGetExportedKeys { catalog, db_schema, table }),
        2 => encoded(sql::CommandGetImportedKeys { catalog, db_schema, table }),
        _ => encoded(sql::CommandGetCrossReference {
            pk_catalog: catalog.clone(),
            pk_db_schema: db_schema.clone(),
            pk_table: table.clone(),
            fk_catalog: catalog,
            fk_db_schema: db_schema,
            fk_table: table,
        }),
    })
}

/// A command of Flight SQL, as it is in descriptors and tickets.
pub(super) fn command() -> impl Strategy<Value = Vec<u8>> {
    let patterns = || (option::of(text()), option::of(text()));
    prop_oneof![
        (text(), transaction())
            .prop_map(|(query, transaction_id)| encoded(sql::CommandStatementQuery { query, transaction_id })),
        (text(), transaction())
            .prop_map(|(query, transaction_id)| encoded(sql::CommandStatementUpdate { query, transaction_id })),
        (plan(), transaction())
            .prop_map(|(plan, transaction_id)| encoded(sql::CommandStatementSubstraitPlan { plan, transaction_id })),
        bytes().prop_map(|handle| encoded(sql::CommandPreparedStatementQuery { prepared_statement_handle: handle })),
        bytes().prop_map(|handle| encoded(sql::CommandPreparedStatementUpdate { prepared_statement_handle: handle })),
        bytes().prop_map(|statement_handle| encoded(sql::TicketStatementQuery { statement_handle })),
        vec(any::<u32>(), 0..6).prop_map(|info| encoded(sql::CommandGetSqlInfo { info })),
        Just(encoded(sql::CommandGetCatalogs {})),
        Just(encoded(sql::CommandGetTableTypes {})),
        patterns().prop_map(|(catalog, db_schema_filter_pattern)| {
            encoded(sql::CommandGetDbSchemas { catalog, db_schema_filter_pattern })
        }),
        option::of(any::<i32>()).prop_map(|data_type| encoded(sql::CommandGetXdbcTypeInfo { data_type })),
        bytes()
            .prop_map(|handle| encoded(sql::ActionClosePreparedStatementRequest { prepared_statement_handle: handle })),
        tables(),
        keys(),
        ingest(),
    ]
}

fn session_options() -> impl Strategy<Value = Vec<u8>> {
    let value = option::of(prop_oneof![
        text().prop_map(OptionValue::String),
        any::<bool>().prop_map(OptionValue::Bool),
        any::<i64>().prop_map(OptionValue::Int64),
        any::<f64>().prop_map(OptionValue::Double),
        vec(text(), 0..4).prop_map(|values| OptionValue::StringList(StringListValue { values })),
    ]);
    let names = prop_oneof![
        prop::sample::select(vec!["catalog", "schema", "domain", "purpose", "cache", "time_zone", "view_types"])
            .prop_map(ToOwned::to_owned),
        text(),
    ];
    vec((names, value), 0..6).prop_map(|options| {
        let session_options: HashMap<_, _> =
            options.into_iter().map(|(name, option_value)| (name, SessionOptionValue { option_value })).collect();
        SetSessionOptionsRequest { session_options }.encode_to_vec()
    })
}

fn endpoint() -> impl Strategy<Value = FlightEndpoint> {
    let ticket = option::of(prop_oneof![command(), vec(any::<u8>(), 0..30)]);
    (ticket, vec(text(), 0..3), bytes()).prop_map(|(ticket, uris, app_metadata)| FlightEndpoint {
        ticket: ticket.map(|ticket| Ticket { ticket: ticket.into() }),
        location: uris.into_iter().map(|uri| Location { uri }).collect(),
        expiration_time: None,
        app_metadata,
    })
}

fn info() -> impl Strategy<Value = FlightInfo> {
    (bytes(), vec(endpoint(), 0..4), any::<i64>(), option::of(command())).prop_map(
        |(schema, endpoint, total_records, command)| FlightInfo {
            schema,
            endpoint,
            total_records,
            flight_descriptor: command.map(FlightDescriptor::new_cmd),
            ..FlightInfo::default()
        },
    )
}

/// The type of an action and its body, which fit each other or not.
pub(super) fn action() -> impl Strategy<Value = (String, Vec<u8>)> {
    let body = prop_oneof![
        (text(), transaction()).prop_map(|(query, transaction_id)| encoded(
            sql::ActionCreatePreparedStatementRequest { query, transaction_id }
        )),
        (plan(), transaction()).prop_map(|(plan, transaction_id)| encoded(
            sql::ActionCreatePreparedSubstraitPlanRequest { plan, transaction_id }
        )),
        bytes()
            .prop_map(|handle| encoded(sql::ActionClosePreparedStatementRequest { prepared_statement_handle: handle })),
        (bytes(), any::<i32>())
            .prop_map(|(transaction_id, action)| encoded(sql::ActionEndTransactionRequest { transaction_id, action })),
        (bytes(), text())
            .prop_map(|(transaction_id, name)| encoded(sql::ActionBeginSavepointRequest { transaction_id, name })),
        info().prop_map(|info| encoded(sql::ActionCancelQueryRequest { info: info.encode_to_vec().into() })),
        option::of(info()).prop_map(|info| CancelFlightInfoRequest { info }.encode_to_vec()),
        option::of(endpoint()).prop_map(|endpoint| RenewFlightEndpointRequest { endpoint }.encode_to_vec()),
        session_options(),
        Just(Vec::new()),
    ];
    let names: Vec<_> =
        sluice_flight_server::wire::command::ACTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    (prop_oneof![9 => prop::sample::select(names), 1 => text()], body)
}
