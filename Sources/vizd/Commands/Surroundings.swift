// What the commands touch of the machine beyond the spool: the environment, the files of the configuration, the two
// output streams and what kind of terminal they are.

internal import Linux

/// How progress can be shown to whoever reads standard error.
enum ProgressStyle: Sendable, Equatable {
    /// A bar that is drawn again and again on one line, `columns` wide.
    case bar(columns: Int, ascii: Bool)
    /// A line whenever something changes.
    case lines

    /// A bar needs a terminal that can go back to the start of a line; its finer strokes need UTF-8.
    init(columns: Int?, environment: [String: String]) {
        let kind = environment["TERM"] ?? ""
        guard let columns, columns >= 20, !kind.isEmpty, kind != "dumb" else {
            self = .lines
            return
        }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let encoding = locale.uppercased().filter { $0 != "-" }
        self = .bar(columns: columns, ascii: !encoding.hasSuffix("UTF8"))
    }
}

enum Surroundings {
    /// The environment, and files by their paths: at most 1 MiB each, which no configuration or key comes near.
    static func settingsWorld() -> SettingsWorld {
        let environment = Host.environment
        var world = SettingsWorld(
            environment: environment, credentialsDirectory: environment["CREDENTIALS_DIRECTORY"]
        ) { path in
            do throws(SystemFailure) {
                return .contents(try Host.readFile(path, limit: 1 << 20))
            } catch {
                return error.errno == .notFound ? .absent : .unreadable("\(error).")
            }
        }
        world.cannotExecute = { path in
            do throws(SystemFailure) {
                try Host.checkExecutable(path)
                return nil
            } catch {
                return error.errno.text
            }
        }
        return world
    }

    static func progressStyle() -> ProgressStyle {
        ProgressStyle(columns: Terminal.columns(2), environment: Host.environment)
    }

    /// Writes to standard output. Whoever closed it wants no more.
    static func print(_ text: String) {
        Terminal.write(text, to: 1)
    }
}
