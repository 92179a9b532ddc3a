//! One test binary over the boundary: HTTP and the command line.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![expect(unreachable_pub, reason = "`pub` means: for the other modules of this binary")]

mod architecture;
mod cli;
mod copy;
mod crash;
mod crowd;
mod distribute;
mod docs;
mod errors;
mod faults;
mod flow_actions;
mod flow_audit;
mod flow_bodies;
mod flow_chat;
mod flow_examples;
mod flow_files;
mod flow_kit;
mod flow_processes;
mod flow_races;
mod flow_random;
mod flow_start;
mod flow_time;
mod gateway;
mod import;
mod inbox;
mod openapi;
mod oracle;
mod organisation;
mod organisation_faults;
mod organisation_flows;
mod people;
mod people_commands;
mod pg_server;
mod postgres;
mod postgres_way;
mod process;
mod properties;
mod search_cost;
mod searches;
mod store_apps;
mod story;
mod support;
mod tls;
mod tokens;
mod upgrade;
mod walls;
