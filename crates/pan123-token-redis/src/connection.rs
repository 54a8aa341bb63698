//! One connection: opened, logged in, asked.

use std::io::{Read, Write};

use redis::{Cmd, Parser, RedisResult, Value};

use crate::failure::{Failure, Step};
use crate::server::Server;
use crate::socket::{Deadline, Socket};

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
    pub(crate) fn open(server: &Server, deadline: Deadline) -> Result<Self, Failure> {
        let socket = Socket::connect(&server.host, server.port, deadline)
            .map_err(|error| Failure::io(&error, deadline, Failure::Connect))?;
        let stream: Box<dyn Stream> = match &server.tls {
            // A quarter of the time is for the question whether it speaks TLS at all.
            Some(tls) => Box::new(tls.connect(socket, deadline.but_for_a_quarter())?),
            None => Box::new(socket),
        };
        let parser = Parser::new();
        let mut connection = Self { stream, parser };
        connection.log_in(server, deadline)?;
        Ok(connection)
    }

    fn log_in(&mut self, server: &Server, deadline: Deadline) -> Result<(), Failure> {
        if let Some(password) = &server.password {
            let mut auth = redis::cmd("AUTH");
            auth.arg(&server.user).arg(password);
            self.ask(&auth, deadline)
                .map_err(|failure| failure.at(Step::Login))?;
        }
        if server.database != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(server.database);
            self.ask(&select, deadline)
                .map_err(|failure| failure.at(Step::Database))?;
        }
        Ok(())
    }

    /// Sends a command and reads its answer. After a failure the connection is of no more use: what it still has to say
    /// isn't known.
    pub(crate) fn ask(&mut self, command: &Cmd, deadline: Deadline) -> Result<Value, Failure> {
        let answer = self.exchange(command, deadline);
        answer.map_err(|error| match self.stream.tls_failure() {
            Some(failure) => failure,
            None => Failure::of(error, deadline),
        })
    }

    fn exchange(&mut self, command: &Cmd, deadline: Deadline) -> RedisResult<Value> {
        self.stream.socket().deadline = deadline;
        self.stream.write_all(&command.get_packed_command())?;
        self.stream.flush()?;
        self.parser.parse_value(&mut self.stream)?.extract_error()
    }
}
