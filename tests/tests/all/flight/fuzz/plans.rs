//! Substrait plans and every other command and action, to a server.

use arrow_flight::{
    Action, FlightDescriptor, Ticket,
    sql::{ActionCreatePreparedSubstraitPlanRequest, ProstMessageExt, SubstraitPlan},
};
use futures::TryStreamExt;
use proptest::prelude::*;
use prost::Message;
use tonic::Status;

use super::{fuzz, is_an_answer, messages, mutation::mutated, without_panic};
use crate::flight::{PATIENCE, server::Served, substrait};

/// The decoder of plans takes required parts for given; that it panics without them is caught where it is called.
const TOLERATED: &str = "datafusion-substrait";

fn answered<T>(answer: Result<T, Status>) -> Result<(), String> {
    answer.map(drop).or_else(|status| is_an_answer(&status))
}

#[test]
fn plans() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut served = Served::start("");
    let ana = runtime.block_on(served.client("ana"));
    let plans = mutated(prop::sample::select(substrait::plans()).prop_map(|plan| plan.to_vec()));
    fuzz("Substrait plans", &(plans, any::<bool>()), |(plan, prepare)| {
        let call = async {
            if *prepare {
                let plan = Some(SubstraitPlan { plan: plan.clone().into(), version: String::new() });
                let ask = ActionCreatePreparedSubstraitPlanRequest { plan, transaction_id: None };
                let call = ana.action("CreatePreparedSubstraitPlan", ask.as_any().encode_to_vec());
                answered(tokio::time::timeout(PATIENCE, call).await.map_err(|_| "no answer")?)
            } else {
                let command = substrait::command(plan.clone().into());
                answered(tokio::time::timeout(PATIENCE, ana.ask(&command)).await.map_err(|_| "no answer")?)
            }
        };
        without_panic(&served, TOLERATED, || runtime.block_on(call))
    });
    let caught = served.panics("").len();
    println!("fuzz: Substrait plans: {caught} panics of the decoder were caught");
    served.must_be_well(TOLERATED);
}

#[test]
fn commands() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut served = Served::start("stalled_stream_timeout_s = 1");
    let ana = runtime.block_on(served.client("ana"));
    let input = (mutated(messages::command()), messages::action(), 0..6);
    fuzz("calls", &input, |(bytes, (kind, body), how)| {
        let answer = async {
            let mut flight = ana.flight();
            let described = || ana.request(FlightDescriptor::new_cmd(bytes.clone()));
            let call = async {
                match how {
                    0 => answered(flight.get_flight_info(described()).await),
                    1 => answered(flight.get_schema(described()).await),
                    2 => answered(flight.poll_flight_info(described()).await),
                    3 => answered(ana.fetch(Ticket { ticket: bytes.clone().into() }).await),
                    4 => {
                        let first = arrow_flight::FlightData {
                            flight_descriptor: Some(FlightDescriptor::new_cmd(bytes.clone())),
                            ..Default::default()
                        };
                        answered(ana.put(futures::stream::iter([first])).await)
                    }
                    _ => {
                        let action = Action { r#type: kind.clone(), body: body.clone().into() };
                        let answers = async {
                            let answers = flight.do_action(ana.request(action)).await?.into_inner();
                            answers.try_collect::<Vec<_>>().await
                        };
                        answered(answers.await)
                    }
                }
            };
            tokio::time::timeout(PATIENCE, call).await.map_err(|_| "no answer")?
        };
        without_panic(&served, "", || runtime.block_on(answer))
    });
    served.must_be_well("");
}
