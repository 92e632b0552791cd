// Keys that must not turn up: every place of a test plants one and remembers those that its programs were given
// besides. When the place is taken down, whatever its programs left (logs, metrics, results, status files, state,
// pictures) is searched for them, and so is what each command says.

internal import Foundation
internal import Linux

/// The keys of one place.
final class PlantedSecrets: Sendable {
    private struct State {
        var keys: Set<String> = []
        /// Files that a test itself has put keys into.
        var keyFiles: Set<String> = []
    }

    /// A key that no program needs here, and every one is given.
    let ofThePlace = "planted-" + Random.hex(bytes: 16)
    private let state = Monitor(State())

    /// Endings of the names of variables that hold keys.
    private static let endings = ["_API_KEY", "_SECRET_ACCESS_KEY", "_SESSION_TOKEN"]
    /// Bytes of a key that is worth looking for: shorter ones stand in pictures by chance.
    private static let shortest = 12
    /// Bytes of a file that is read; what is larger is a test's own monster.
    private static let largest = 1 << 26

    /// Remembers the keys in the environment of a program.
    func plant(_ environment: [String: String]) {
        for (name, value) in environment {
            if Self.endings.contains(where: name.hasSuffix) { remember(value) }
            if Self.endings.contains(where: { name.hasSuffix($0 + "_FILE") }), !value.isEmpty {
                state.change { _ = $0.keyFiles.insert(value) }
            }
        }
    }

    private func remember(_ key: String) {
        if key.utf8.count >= Self.shortest { state.change { _ = $0.keys.insert(key) } }
    }

    /// Looks through every regular file beneath a folder, and notes what it finds, or cannot look at.
    func search(_ path: String) {
        let needles = state.look { $0.keys }.map { Data($0.utf8) }
        if needles.isEmpty { return }
        do {
            try search(try Directory(path: path), path, for: needles)
        } catch {
            Leaks.note("\(path) could not be searched for keys: \(error)")
        }
    }

    private func search(_ folder: Directory, _ path: String, for needles: [Data]) throws(SystemFailure) {
        for name in try folder.names() {
            guard let info = try folder.infoIfPresent(of: name) else { continue }
            let path = "\(path)/\(name)"
            if info.kind == .directory { try search(try folder.directory(name), path, for: needles) }
            guard info.kind == .regular, (1...Self.largest).contains(info.size), !isTests(path) else { continue }
            let content = Data(try folder.open(name, .read).read(limit: Self.largest))
            if needles.contains(where: { content.range(of: $0) != nil }) { Leaks.note("a key stands in \(path)") }
        }
    }

    /// Whether a test has put keys into the file itself, for its program to read.
    private func isTests(_ path: String) -> Bool {
        path.hasSuffix(".conf") || state.look { $0.keyFiles.contains(path) }
    }

    /// Looks through what a command said.
    func search(_ run: CommandRun, of arguments: [String]) {
        let keys = state.look { $0.keys }
        if keys.contains(where: { run.output.contains($0) || run.errors.contains($0) }) {
            Leaks.note("a key stands in what vizd \(arguments.joined(separator: " ")) said")
        }
    }
}

/// Keys that turned up, for whoever runs the tests: a place is taken down when nobody listens any more.
package enum Leaks {
    private static let found = Monitor<[String]>([])

    static func note(_ sentence: String) { found.change { $0.append(sentence) } }

    /// What was found since the last question.
    package static func take() -> [String] {
        found.change { found in
            defer { found = [] }
            return found
        }
    }
}
