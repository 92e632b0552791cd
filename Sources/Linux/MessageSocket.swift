// A pair of sockets that keeps messages apart (SOCK_SEQPACKET) and can hand over open files (SCM_RIGHTS): how the
// daemon talks to its image workers, which open nothing themselves.

internal import CLinux
internal import Glibc

/// One message and the files that came with it.
package struct ReceivedMessage: Sendable {
    package let bytes: [UInt8]
    package let files: [OpenFile]
}

/// One end of a socket pair. One thread uses it at a time.
package final class MessageSocket: Sendable {
    private let descriptor: Descriptor
    /// The largest message, in bytes.
    package static let messageLimit = 65_536
    /// The most files in one message.
    package static let fileLimit = 64

    /// Takes over an open socket.
    package init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Two ends that are connected; both close on exec.
    package static func pair() throws(SystemFailure) -> (MessageSocket, MessageSocket) {
        var numbers: [CInt] = [-1, -1]
        _ = try checked("socketpair") { vz_socketpair(&numbers) }
        return (
            MessageSocket(Descriptor(owning: numbers[0])), MessageSocket(Descriptor(owning: numbers[1]))
        )
    }

    /// The number, valid as long as this object lives.
    package var raw: CInt { descriptor.raw }

    /// A second descriptor of this end, to be given away.
    package func duplicate() throws(SystemFailure) -> Descriptor { try descriptor.duplicate() }

    /// Sends one message and lends the files to the other side.
    /// - Throws: EPIPE when the other side is gone.
    package func send(_ bytes: [UInt8], files: [OpenFile] = []) throws(SystemFailure) {
        let number = raw
        let numbers = files.map(\.raw)
        _ = try checked("sendmsg") { vz_send_with(number, bytes, bytes.count, numbers, CInt(numbers.count)) }
        withExtendedLifetime(files) {}
    }

    /// Waits for one message; nil when the other side has closed.
    /// - Parameter deadline: monotonic nanoseconds; nil waits for ever.
    /// - Throws: EAGAIN when the deadline passed, EMSGSIZE when the message was over the limits.
    package func receive(deadline: Int64? = nil) throws(SystemFailure) -> ReceivedMessage? {
        let number = raw
        while true {
            let left = deadline.map { $0 - MonotonicClock.now() }
            if try Poll.readable([number], timeout: left)[0] { break }
            if let deadline, MonotonicClock.now() >= deadline {
                throw SystemFailure(call: "recvmsg", errno: .again, subject: "")
            }
        }
        // As much room as the next message takes, which is nearly always little. Where nothing can be said of it, and
        // for one that is over the limit, as much as any may take.
        let size = max(vz_message_size(number), 0)
        let room = size > 0 && size <= MessageSocket.messageLimit ? size : MessageSocket.messageLimit
        var bytes = [UInt8](repeating: 0, count: room)
        var passed = [CInt](repeating: -1, count: MessageSocket.fileLimit)
        var count: CInt = 0
        let got = try checked("recvmsg") {
            vz_receive_with(number, &bytes, bytes.count, &passed, CInt(passed.count), &count)
        }
        let files = passed.prefix(Int(count)).map { OpenFile(Descriptor(owning: $0)) }
        if got == 0 && files.isEmpty { return nil }
        bytes.removeLast(bytes.count - got)
        return ReceivedMessage(bytes: bytes, files: files)
    }
}
