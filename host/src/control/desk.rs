//! Who answers which request.

use serde_json::Value;

use super::letters::Letters;
use super::request::{Request, Response};
use crate::logs;
use crate::status::Board;
use crate::updates::{Command, Updates};

/// Everything a running host can be asked. Clones ask the same host.
#[derive(Clone)]
pub struct Desk {
    /// Dead letters.
    pub letters: Letters,
    /// Versions of plugins.
    pub updates: Updates,
    /// What the host tells of itself.
    pub board: Board,
}

impl Desk {
    /// Carries out a request and says what came of it. May take as long as a flush.
    pub fn answer(&self, request: Request) -> Response {
        let answered = match request {
            Request::PluginSwap { plugin, file } => self.update(Command::Swap { plugin, file }),
            Request::PluginRollback { plugin } => self.update(Command::Rollback { plugin }),
            Request::Status => serde_json::to_value(self.board.report()).map_err(|error| error.to_string()),
            Request::PluginList => self.update(Command::List),
            Request::LogLevel { level } => match logs::change(level) {
                true => Ok(Value::Null),
                false => {
                    Err("this process has another's log; its level is for whoever started it to change".to_owned())
                }
            },
            letters => self.letters.perform(&letters).map_err(|error| error.to_string()),
        };
        answered.map_or_else(Response::Failed, Response::Done)
    }

    fn update(&self, command: Command) -> Result<Value, String> {
        self.updates.perform(command).map_err(|error| error.to_string())
    }
}
