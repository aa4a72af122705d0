//! Ports that a test can name before anybody listens.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of this machine that no other test is given while this lives. Nobody listens on it, so a connection is refused, until a
/// gateway does: it shares its port with other sockets of the same user that ask for it, as this one does.
pub(crate) struct Reserved {
    _socket: Socket,
    pub(crate) address: SocketAddr,
}

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        socket.set_reuse_port(true).expect("an option");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        let address = socket.local_addr().ok().and_then(|a| a.as_socket()).expect("an address");
        Self { _socket: socket, address }
    }

    /// Somebody listens there from now on.
    pub(crate) fn listen(&self) -> std::net::TcpListener {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        socket.set_reuse_port(true).expect("an option");
        socket.bind(&self.address.into()).expect("the port");
        socket.listen(64).expect("a listener");
        socket.into()
    }
}
