//! One connection: opened, logged in, asked.

use std::io::{Read, Write};

use redis::{Cmd, Parser, RedisResult, Value};

use crate::failure::Failure;
use crate::refusal::Step;
use crate::socket::{Deadline, Socket};
use crate::target::{Access, Address, Login};
use crate::tls::Tls;

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    parser: Parser,
}

/// A socket, or TLS on one.
pub(crate) trait Stream: Read + Write + Send {
    fn socket(&mut self) -> &mut Socket;

    /// Why TLS failed, where it was TLS that failed.
    fn tls_failure(&mut self) -> Option<Failure> {
        None
    }
}

impl Stream for Socket {
    fn socket(&mut self) -> &mut Socket {
        self
    }
}

impl Connection {
    pub(crate) fn open(
        address: &Address,
        tls: Option<&Tls>,
        access: &Access,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let socket = Socket::connect(address, deadline)
            .map_err(|error| Failure::connect(&error, address, deadline))?;
        let stream: Box<dyn Stream> = match (tls, address) {
            // A quarter of the time is for the question whether it speaks TLS at all.
            (Some(tls), Address::Host { name, .. }) => {
                Box::new(tls.connect(socket, name, deadline.part(3, 4))?)
            }
            _ => Box::new(socket),
        };
        let parser = Parser::new();
        let mut connection = Self { stream, parser };
        connection.log_in(access, deadline)?;
        Ok(connection)
    }

    fn log_in(&mut self, access: &Access, deadline: Deadline) -> Result<(), Failure> {
        if let Some(Login { user, password }) = &access.login {
            let mut auth = redis::cmd("AUTH");
            auth.arg(user).arg(password);
            self.ask(&auth, deadline)
                .map_err(|failure| failure.during(Step::Login))?;
        }
        if access.database != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(access.database);
            self.ask(&select, deadline)
                .map_err(|failure| failure.during(Step::Database))?;
        }
        Ok(())
    }

    /// Sends a command and reads its answer. After a failure the connection is of no more use: what it still has to say
    /// isn't known.
    pub(crate) fn ask(&mut self, command: &Cmd, deadline: Deadline) -> Result<Value, Failure> {
        let answer = self.exchange(command, deadline);
        answer.map_err(|error| {
            let tls = error.is_io_error().then(|| self.stream.tls_failure());
            tls.flatten()
                .unwrap_or_else(|| Failure::of(error, deadline))
        })
    }

    fn exchange(&mut self, command: &Cmd, deadline: Deadline) -> RedisResult<Value> {
        self.stream.socket().deadline = deadline;
        self.stream.write_all(&command.get_packed_command())?;
        self.stream.flush()?;
        self.parser.parse_value(&mut self.stream)?.extract_error()
    }
}
