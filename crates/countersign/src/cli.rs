//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// The approval and human-task hub that speaks the Feishu open platform's API.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = true)]
pub struct Cli {
    /// Answer as JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a server with a demo company, for trying out and for tests
    Dev(DevArgs),
    /// Start the server
    Serve(ServeArgs),
    /// Flows: what is wrong with a file, how it looks, and which ones the hub runs
    #[command(subcommand)]
    Flow(FlowCommand),
    /// Print completions for a shell
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// What operators do with a data folder.
    #[command(flatten)]
    Operate(Operate),
}

/// Flows. What needs no place for data looks at files alone.
#[derive(Debug, Subcommand)]
pub enum FlowCommand {
    /// Tell every fault of flow files, with line and column
    Check {
        /// The files, YAML or JSON
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Draw a flow as SVG
    Diagram {
        /// The file, YAML or JSON
        file: PathBuf,
        /// The picture; without it, it is printed
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The code of the language of its texts: 2052 Chinese, 1033 English
        #[arg(long, default_value = "2052", value_name = "CODE")]
        language: String,
    },
    /// Print the JSON Schema of flow files, for editors
    Schema,
    /// Make files the newest versions of their flows; instances that run stay on theirs
    Apply {
        /// The files, YAML or JSON: all of them, or none where one has faults
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// List the flows that were applied
    List {
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Print a version of a flow as it was applied
    Show {
        /// The flow's api_id
        api_id: String,
        /// Which version; the newest without it
        number: Option<i64>,
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
}

/// Rate limits of `dev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LimitsArg {
    /// The platform's own tiers.
    Feishu,
    /// None.
    Off,
}

/// `dev`
#[derive(Args, Debug)]
pub struct DevArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Keep the data in this folder; without it a temporary one is used and removed
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// About how many human tasks the demo company has; of third-party ones as many, up to 1,000
    #[arg(long, default_value_t = 400, value_name = "N")]
    pub tasks: usize,
    /// Another seed makes other instances; the same seed always the same
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Rate limits
    #[arg(long, value_enum, default_value_t = LimitsArg::Off)]
    pub limits: LimitsArg,
    /// Serve over TLS, with a certificate for localhost that it signs itself
    #[arg(long)]
    pub tls: bool,
}

/// Where the settings and the data are.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// A file with the settings that differ from the defaults
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder
    #[arg(long, env = "COUNTERSIGN_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL database instead of the data folder
    #[arg(long, env = "COUNTERSIGN_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
}

/// `serve`
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Where the settings and the data are.
    #[command(flatten)]
    pub place: Place,
    /// Where the API listens
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Where health and metrics listen; empty for nowhere
    #[arg(long, value_name = "ADDRESS")]
    pub observe: Option<String>,
    /// Serve the API over TLS with this certificate; PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<String>,
    /// The certificate's private key; PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<String>,
}

/// What operators do with a data folder. The server may run meanwhile, but for an import.
#[derive(Debug, Subcommand)]
pub enum Operate {
    /// Companies
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Applications that call the API
    #[command(subcommand)]
    App(AppCommand),
    /// People and their ids
    #[command(subcommand)]
    People(PeopleCommand),
    /// Histories of flows: read one, and prove that nobody changed any
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Import people, definitions, instances and flows from a file with one JSON record a line
    Import {
        /// The file; see docs/import.md for its records
        file: PathBuf,
        /// Records in one transaction: more are faster, fewer are lost by a stop
        #[arg(long, default_value_t = 10_000, value_name = "N")]
        slice: usize,
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Copy the data into a new file, while the server runs
    Backup {
        /// The new file
        file: PathBuf,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Copy all data into an empty folder or database, also between SQLite and PostgreSQL; run again,
    /// it goes on where it was stopped
    Copy(CopyArgs),
    /// Bring the data to this version's shape, as every start of the server does
    Migrate(MigrateArgs),
    /// Read everything once more and tell what does not fit
    Doctor {
        /// Make counts that do not add up anew
        #[arg(long)]
        repair: bool,
        /// Only the data of the tenant with this key
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
}

/// `copy`
#[derive(Args, Debug)]
pub struct CopyArgs {
    /// Where the data is: sqlite:FOLDER, or postgres://…
    #[arg(long, value_name = "PLACE")]
    pub from: String,
    /// Where it shall be, in the same form
    #[arg(long, value_name = "PLACE")]
    pub to: String,
    /// A file with the settings that differ from the defaults
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `migrate`
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// Only tell which migrations the data has, and since when
    #[arg(long)]
    pub status: bool,
    /// Only print the statements that would run
    #[arg(long, conflicts_with = "status")]
    pub dry_run: bool,
    /// And spread the tables over the nodes of a Citus cluster, by tenant; run again, it goes on where
    /// it was stopped
    #[arg(long, conflicts_with_all = ["status", "dry_run"])]
    pub distribute: bool,
    /// Where the settings and the data are.
    #[command(flatten)]
    pub place: Place,
}

/// Companies.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Create a tenant
    Create {
        /// Its key: how commands and apps name it
        key: String,
        /// Its name
        #[arg(long)]
        name: Option<String>,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// List tenants
    List {
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
}

/// `app create`
#[derive(Args, Debug)]
pub struct NewAppArgs {
    /// The key of its tenant
    #[arg(long, required_unless_present = "store", conflicts_with = "store")]
    pub tenant: Option<String>,
    /// Make a store app, which tenants install, instead of one tenant's own
    #[arg(long)]
    pub store: bool,
    /// Where a store app's events go, such as its ticket every hour; an http or https URL
    #[arg(
        long,
        requires = "store",
        default_value = "",
        value_name = "URL",
        hide_default_value = true
    )]
    pub event_url: String,
    /// What people call it
    #[arg(long)]
    pub name: String,
    /// A scope that it holds; repeat it, or `all`, or `read`
    #[arg(long = "scope", required = true)]
    pub scopes: Vec<String>,
    /// Where the settings and the data are.
    #[command(flatten)]
    pub place: Place,
}

/// Applications.
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Create an app and show its secret, once
    Create(NewAppArgs),
    /// List apps
    List {
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Give an app other scopes
    Scopes {
        /// Its id (`cli_…`)
        app: String,
        /// A scope that it holds from now on; repeat it, or `all`, or `read`
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Give an app a new secret and show it, once; the old one and its tokens end
    ResetSecret {
        /// Its id (`cli_…`)
        app: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Refuse an app everywhere
    Disable {
        /// Its id (`cli_…`)
        app: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Let a tenant use a store app
    Install {
        /// Its id (`cli_…`)
        app: String,
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Refuse a store app in a tenant; what it wrote there stays
    Uninstall {
        /// Its id (`cli_…`)
        app: String,
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Show the ticket that a store app is sent in this hour
    Ticket {
        /// Its id (`cli_…`)
        app: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Say where a store app's events go, and make its verification token anew
    Events {
        /// Its id (`cli_…`)
        app: String,
        /// An http or https URL; empty for nowhere
        #[arg(long)]
        url: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Accept a disabled app again
    Enable {
        /// Its id (`cli_…`)
        app: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
}

/// Histories of flows.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print the history of an instance: who did what, when, and what followed
    History {
        /// The instance's id
        instance: i64,
        /// The key of the tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Check every entry, every end and every anchor of histories against their hashes
    Verify {
        /// Only those of the tenant with this key
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
}

/// People.
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// Import people from a CSV file: user_id, open_id, union_id, kunlun_user_id, name,
    /// name_<language>, department, more_departments, leader_user_id, leads, roles
    Import {
        /// The file, with a line of column names
        file: PathBuf,
        /// The key of their tenant
        #[arg(long)]
        tenant: String,
        /// Where the settings and the data are.
        #[command(flatten)]
        place: Place,
    },
    /// Hand everything that waits for one person over to another, as for somebody who leaves; tasks of
    /// source systems stay
    HandOver(HandOverArgs),
}

/// `people hand-over`
#[derive(Args, Debug)]
pub struct HandOverArgs {
    /// Whose open tasks move, by id
    #[arg(long, value_name = "ID")]
    pub from: String,
    /// Who gets them, by id
    #[arg(long, value_name = "ID")]
    pub to: String,
    /// The kind of both ids
    #[arg(long, value_enum, default_value_t = IdType::UserId)]
    pub id_type: IdType,
    /// Only tell what would move
    #[arg(long)]
    pub dry_run: bool,
    /// The key of their tenant
    #[arg(long)]
    pub tenant: String,
    /// Where the settings and the data are.
    #[command(flatten)]
    pub place: Place,
}

/// Kinds of ids of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IdType {
    /// The tenant's own.
    UserId,
    /// That of one application.
    OpenId,
    /// That of one vendor's applications.
    UnionId,
    /// That of human tasks.
    KunlunUserId,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
