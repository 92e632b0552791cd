// Children: how they end, and what they are given.

import Linux
import Testing

@Suite("Child processes")
struct ChildProcessTests {
    /// Runs a shell line with one end of a socket pair as its standard input; what it writes there comes back.
    private func run(_ line: String) throws -> (said: [UInt8], ending: ProcessEnding) {
        let (ours, child) = try start(line)
        var said: [UInt8] = []
        // The child's end closes when it ends, before it can be reaped.
        while let message = try ours.receive(deadline: MonotonicClock.now() + 10_000_000_000) { said += message.bytes }
        return (said, try child.end())
    }

    private func start(_ line: String) throws -> (MessageSocket, Child) {
        let (ours, theirs) = try MessageSocket.pair()
        let child = try ChildProcess(executable: "/bin/sh", arguments: ["-c", line], input: try theirs.duplicate())
        return (ours, Child(child))
    }

    /// A tuple cannot hold what cannot be copied.
    private final class Child {
        private var process: ChildProcess?
        let processID: Int32

        init(_ process: consuming ChildProcess) {
            processID = process.processID
            self.process = consume process
        }

        func end() throws -> ProcessEnding {
            guard let running = process.take() else { throw SystemFailure(call: "end", errno: .notFound, subject: "") }
            return try running.end()
        }
        func drop() { process = nil }
    }

    @Test("a child that left by itself tells its code")
    func exitCode() throws {
        let (_, ending) = try run("exit 7")
        #expect(ending == .exited(code: 7))
        #expect("\(ending)" == "ended with code 7")
    }

    @Test("a child has a socket, the null device twice, and nothing else: no descriptors, no environment")
    func given() throws {
        let (said, _) = try run("exec >&0; /bin/ls /proc/$$/fd; /bin/cat /proc/$$/environ")
        #expect(String(decoding: said, as: UTF8.self) == "0\n1\n2\n")
    }

    @Test("a child that does not leave is killed and reaped, by its end or when its owner lets go")
    func killed() throws {
        let (socket, child) = try start("while read x; do :; done")
        #expect(try child.end() == .signalled(9))
        #expect(throws: SystemFailure.self) { try Host.kill(child.processID, signal: 0) }
        let (other, dropped) = try start("while read x; do :; done")
        dropped.drop()
        #expect(throws: SystemFailure.self) { try Host.kill(dropped.processID, signal: 0) }
        withExtendedLifetime((socket, other)) {}
    }

    @Test("a program that is not there is a failure that names it")
    func missing() throws {
        let (_, theirs) = try MessageSocket.pair()
        let input = try theirs.duplicate()
        do throws(SystemFailure) {
            _ = try ChildProcess(executable: "/nonexistent/program", input: input)
            Issue.record("it was started")
        } catch {
            #expect(error.errno == .notFound && error.subject == "/nonexistent/program")
        }
    }
}
