// A port of this machine without a server behind it: closed for certain, or listening for whoever accepts.

import Glibc
import Linux

/// A socket bound to a free port of 127.0.0.1. While it is not listening, connections to the port are refused, and
/// nobody else gets it.
package final class RawPort: Sendable {
    /// The socket.
    package let number: CInt
    /// Its number.
    package let port: UInt16

    /// Takes a port that nobody has.
    /// - Parameter backlog: connections that may wait to be accepted.
    package init(listening: Bool, backlog: CInt = 16) throws {
        number = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let number = self.number
        var address = RawPort.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let answer = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, size) == 0 && (!listening || listen(number, backlog) == 0)
                    ? getsockname(number, $0, &size) : -1
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        if answer != 0 { throw SystemFailure(call: "bind", errno: Errno(rawValue: errno), subject: "") }
    }

    deinit { close(number) }

    /// Wakes whoever accepts.
    package func hangUp() { shutdown(number, CInt(SHUT_RDWR)) }

    /// Connects a socket to a port of this machine; answers whether that went well at once.
    package static func connect(_ number: CInt, to port: UInt16) -> Bool {
        var address = loopback(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
