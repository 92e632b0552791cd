// What the configuration says of the program that makes pictures.

package import Linux

/// The settings `exec.*`, and what the program is given.
package struct ExecSettings: Sendable {
    /// `exec.command`: an absolute path and arguments; empty where there is none.
    package var command: [String] = []
    /// `exec.timeout`, nanoseconds.
    package var timeout: Int64 = 600_000_000_000
    /// `exec.memory`: bytes of address space of each of its processes.
    package var memory = 8 << 30
    /// `exec.outputBytes`: of the picture, and of each file that it writes.
    package var outputBytes = 64 << 20
    /// `exec.concurrent`: runs at once.
    package var concurrent = 2
    /// A folder of vizd's own, in which each run gets one of its own; nil where nothing may be run.
    package var folder: Directory?
    /// vizd's executable, which becomes the keeper of each run.
    package var keeper = "/proc/self/exe"
    /// PATH, HOME and LANG as vizd has them; nothing else of its environment goes to the program.
    package var environment: [String: String] = [:]

    package init() {}
}
