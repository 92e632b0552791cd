// The spool tried out, as `vizd run` does before it starts: what `check-config` says of it.

internal import Linux
internal import Spool

enum SpoolCheck {
    /// Tries the spool out (making boxes that are missing) and says what is wrong with it.
    ///
    /// Root makes nothing: the boxes would be root's, and the daemon, which runs as a user of its own, could not work
    /// with them.
    static func run(_ settings: Settings) throws(SystemFailure) -> ExitStatus {
        let path = settings.spool.directory
        if Host.userID == 0, let missing = try missingFolder(of: path) {
            Surroundings.print("\n\(shown(missing)) is not there yet; `vizd run` makes it, as its own user.\n")
            return .success
        }
        let floor = DiskFloor(bytes: settings.spool.minFree)
        let problems = Preflight.run(path: path, modes: SpoolModes(), floor: floor)
        Surroundings.print("\n" + report(problems, path: path))
        return status(of: problems)
    }

    /// The spool's own folder or the first of its boxes that does not exist; nil when all do.
    static func missingFolder(of path: String) throws(SystemFailure) -> String? {
        do throws(SystemFailure) {
            let root = try Directory(path: path)
            for box in Box.allCases where try root.infoIfPresent(of: box.folder) == nil {
                return "\(path)/\(box.rawValue)"
            }
            return nil
        } catch  where error.errno == .notFound {
            return path
        }
    }

    static func report(_ problems: [PreflightProblem], path: String) -> String {
        if problems.isEmpty { return "The spool \(shown(path)) passed all tests.\n" }
        return "The spool \(shown(path)):\n"
            + problems.map { problem in
                let word = problem.weight == .warning ? "warning" : "problem"
                return "  \(word): \(shown(problem.sentence))\n"
            }.joined()
    }

    /// The first code to leave with; the configuration comes before the machine, since mending it may mend the other.
    static func status(of problems: [PreflightProblem]) -> ExitStatus {
        let codes = problems.compactMap { problem -> ExitStatus? in
            if case .exit(let code) = problem.weight { return ExitStatus(rawValue: code) ?? .cannotCreate }
            return nil
        }
        return codes.contains(.configuration) ? .configuration : codes.first ?? .success
    }
}
